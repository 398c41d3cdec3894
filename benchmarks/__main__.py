"""`python -m benchmarks`: run every script and write build/benchmarks.json, one flat object.

`python -m benchmarks NAME ...` runs some of them. Scripts that are done are in the file even if a later one
fails; figures of a failed one are missing.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import (
    demo,
    edits,
    machine,
    memory,
    moments,
    overhead,
    page,
    published,
    scoring,
    soak,
    tables,
    threads,
    timeline,
    workers,
)

RESULTS = Path("build") / "benchmarks.json"
SCRIPTS = {
    "demo": demo.measure,
    "overhead": overhead.measure,
    "scoring": scoring.measure,
    "tables": tables.measure,
    "published": published.measure,
    "memory": memory.measure,
    "workers": workers.measure,
    "threads": threads.measure,
    "moments": moments.measure,
    "timeline": timeline.measure,
    "edits": edits.measure,
    "page": page.measure,
    "soak": soak.measure,
}


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Scripts; all unless given.")] = None,
    out: Annotated[Path, typer.Option(help="File to write.")] = RESULTS,
) -> None:
    """Run every benchmark, or some, and write their figures with the machine's facts."""
    if unknown := set(names or ()) - SCRIPTS.keys():
        raise typer.BadParameter(f"no script {', '.join(sorted(unknown))}; there are {', '.join(SCRIPTS)}")
    begun = time.perf_counter()
    results: dict[str, str | int | float] = dict(machine.facts())
    for name, measure in ((name, of) for name, of in SCRIPTS.items() if not names or name in names):
        print(f"\n== {name}", flush=True)
        for key, value in measure().items():
            results[key] = round(value, 5)
            print(f"{key} {value:.4g}")
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"\n{time.perf_counter() - begun:.0f} s in all; figures are in {out}")


if __name__ == "__main__":
    typer.run(main)
