"""`underpainting run`: run a study or go on with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from underpainting.cli._options import Threads

EXAMPLES = (
    "underpainting run STUDY",
    "underpainting run STUDY --workers 2",
    "underpainting run STUDY --json > results.json",
)


def run(
    folder: Annotated[Path, typer.Argument(help="Folder of the study.")],
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that make pictures; the CPUs are shared out among them.")
    ] = 1,
    max_set_aside: Annotated[
        float, typer.Option(min=0, max=1, help="Share of pictures that may be set aside as unsound.")
    ] = 0.05,
    threads: Threads = None,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Run a study, or go on with it from its last whole shard; write its report and print its results."""
    from underpainting.cli.progress import SHARDS, progress

    with progress(SHARDS) as shown:
        from underpainting.cli.finish import finish
        from underpainting.workflow import run as work

        study = work(folder, progress=shown, workers=workers, max_set_aside=max_set_aside)
    finish(study, json)
