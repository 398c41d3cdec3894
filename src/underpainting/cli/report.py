"""`underpainting report`: write a study's report anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from underpainting.cli._options import DoneStudy

PANEL, PLACE = "Study", 5
EXAMPLES = (
    "underpainting report STUDY",
    "underpainting report STUDY --title 'What the still life knows'",
    "underpainting report STUDY --title 'What the still life knows'",
    "underpainting report STUDY --figures",
    "underpainting report STUDY --growth CHECKPOINTS",
)


def report(
    study: DoneStudy,
    figures: Annotated[
        bool, typer.Option("--figures", help="Every figure as SVG and PNG, its table as CSV beside it, too.")
    ] = False,
    growth: Annotated[
        Path | None,
        typer.Option(
            help="Folder of studies of the model's checkpoints, each named by how much training it had."
        ),
    ] = None,
    title: Annotated[
        str | None,
        typer.Option(
            help="The report's title, kept for later ones; the folder's name if it is empty.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the report of a study that is done, one self-contained HTML file."""
    from underpainting.screen import progress

    with progress() as shown:
        from underpainting import workflow
        from underpainting.study.study import open_study

        files = workflow.report(
            open_study(study), figures=figures, growth=growth, title=title, progress=shown
        )
    for written in files:
        typer.echo(f"done: {written}")
