"""`underpainting run`: run a study or go on with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = ("underpainting run STUDY", "underpainting run STUDY --json > results.json")


def run(
    folder: Annotated[Path, typer.Argument(help="Folder of the study.")],
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Run a study, or go on with it from its last whole shard; write its report and print its results."""
    from underpainting.cli.finish import finish
    from underpainting.cli.show import progress
    from underpainting.workflow import run as work

    with progress() as shown:
        study = work(folder, progress=shown)
    finish(study, json)
