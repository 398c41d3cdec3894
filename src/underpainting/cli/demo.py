"""`underpainting demo`: the still life's study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from underpainting.cli._options import Threads

EXAMPLES = ("underpainting demo", "underpainting demo elsewhere --full --json")


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder to make the study in.")] = Path("demo"),
    full: Annotated[bool, typer.Option("--full", help="Costly controls too, on all test pictures.")] = False,
    threads: Threads = None,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Study the bundled still life: init, run and report in one. Again: go on, or say done."""
    from underpainting.cli.progress import SHARDS, progress

    with progress(SHARDS) as shown:
        from underpainting.cli.finish import finish
        from underpainting.workflow import demo as work

        study = work(folder, shown, full=full)
    finish(study, json)
