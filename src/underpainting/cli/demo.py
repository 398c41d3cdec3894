"""`underpainting demo`: the still life's study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from underpainting.cli._options import Json, Threads

PANEL, PLACE = "Study", 1
EXAMPLES = ("underpainting demo", "underpainting demo elsewhere --full --json")


def demo(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder to make the study in.")] = Path(
        "demo"
    ),
    full: Annotated[bool, typer.Option("--full", help="Costly controls too, on all test pictures.")] = False,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Study the bundled still life: init, run and report in one. Again: go on, or say done."""
    from underpainting.cli._screen import finish
    from underpainting.screen import SHARDS, progress

    with progress(SHARDS) as shown:
        from underpainting import workflow

        done = workflow.demo(study, shown, full=full)
    finish(done, json)
