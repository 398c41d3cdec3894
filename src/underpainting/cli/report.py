"""`underpainting report`: write a study's report anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = ("underpainting report STUDY",)


def report(folder: Annotated[Path, typer.Argument(help="Folder of a study that is done.")]) -> None:
    """Write the report of a study that is done, one self-contained HTML file."""
    from underpainting.workflow import report as work

    typer.echo(f"done: {work(folder)}")
