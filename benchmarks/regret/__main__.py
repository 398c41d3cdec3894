"""Is choosing seeds by their layout worth it? Regret against cost, with everything that could do as well.

`python -m benchmarks.regret STUDY --folder FOLDER` makes 64 seeds of each of 40 test prompts of a finished
study to their end, keeps what was predicted of them on the way, and analyses it; `python -m benchmarks.regret
FOLDER` analyses what is there. Both write FOLDER/regret.json and print the tables of docs/findings/seeds.md.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.regret.analyse import analyse
from benchmarks.regret.collect import collect
from benchmarks.regret.figure import write_figure
from benchmarks.regret.kept import read_collection
from benchmarks.regret.tables import markdown
from underpainting.errors import UnderpaintingError
from underpainting.records import replacing, write_json
from underpainting.screen import BATCHES, progress
from underpainting.study.paths import CONFIG
from underpainting.study.study import open_study

RESULTS = "regret.json"


def main(
    source: Annotated[Path, typer.Argument(help="A finished study, or a folder that was collected.")],
    folder: Annotated[Path | None, typer.Option(help="Where to collect; by default STUDY-regret.")] = None,
    prompts: Annotated[int, typer.Option(help="Test prompts.")] = 40,
    seeds: Annotated[int, typer.Option(help="Seeds of each.")] = 64,
    figure: Annotated[bool, typer.Option(help="Draw FOLDER/regret.svg and .png too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all numbers rather than tables.")] = False,
) -> None:
    """Collect where a study is given, analyse, and print the tables of docs/findings/seeds.md."""
    try:
        home = source
        if (source / CONFIG).is_file():
            home = folder or source.with_name(f"{source.name}-regret")
            with progress(BATCHES) as shown:
                collect(open_study(source), home, prompts, seeds, shown)
        results = analyse(read_collection(home))
        with replacing(home / RESULTS) as temporary:
            write_json(temporary, results)
        if figure:
            write_figure(results, home)
    except UnderpaintingError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(json.dumps(results, indent=1) if as_json else markdown(results))


if __name__ == "__main__":
    typer.run(main)
