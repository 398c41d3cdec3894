"""`python -m benchmarks`: run every script and write benchmarks/results.json, one flat object.

Scripts that are done are in the file even if a later one fails; figures of a failed one are missing.
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

RESULTS = Path(__file__).parent / "results.json"
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
    out: Annotated[Path, typer.Option(help="File to write.")] = RESULTS,
) -> None:
    """Run every benchmark and write all figures with the machine's facts."""
    begun = time.perf_counter()
    results: dict[str, str | int | float] = dict(machine.facts())
    for name, measure in SCRIPTS.items():
        print(f"\n== {name}", flush=True)
        for key, value in measure().items():
            results[key] = round(value, 5)
            print(f"{key} {value:.4g}")
        out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"\n{time.perf_counter() - begun:.0f} s in all; figures are in {out}")


if __name__ == "__main__":
    typer.run(main)
