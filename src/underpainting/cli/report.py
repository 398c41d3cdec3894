"""`underpainting report`: write a study's report anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = ("underpainting report STUDY", "underpainting report STUDY --figures")


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a study that is done.")],
    figures: Annotated[
        bool, typer.Option("--figures", help="Every figure as SVG and PNG, its table as CSV beside it, too.")
    ] = False,
) -> None:
    """Write the report of a study that is done, one self-contained HTML file."""
    from underpainting.workflow import report as work

    for written in work(folder, figures=figures):
        typer.echo(f"done: {written}")
