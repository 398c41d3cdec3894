"""`underpainting replay`: an intervention's picture made again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from underpainting.cli._options import DoneStudy, Json, Threads

PANEL = "Act"
EXAMPLES = ("underpainting replay demo demo/interventions/0123456789ab",)


def replay(
    study: DoneStudy,
    folder: Annotated[Path, typer.Argument(help="Folder of an intervention.")],
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Make an intervention's picture again, and compare it bit for bit; exit with 1 where it differs."""
    from underpainting.cli._screen import as_json
    from underpainting.screen import progress

    with progress() as shown:
        from underpainting.intervention.act import replay as act
        from underpainting.study.study import open_study

        again = act(open_study(study), folder, progress=shown)
    if json:
        about = {"same": again.same, "pixels_that_differ": again.pixels, "largest_difference": again.largest}
        as_json({"folder": str(folder), **about})
    elif again.same:
        typer.echo("the same picture")
    else:
        typer.echo(
            f"not the same picture: {again.pixels} pixels differ, by at most {again.largest} of 255; other "
            "versions, devices or numbers of threads change last digits"
        )
    if not again.same:
        raise typer.Exit(1)
