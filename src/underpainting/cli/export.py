"""`underpainting export`: pictures and maps for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from underpainting.cli._options import DoneStudy, Threads

PANEL = "Share"
EXAMPLES = (
    "underpainting export demo pictures",
    "underpainting export demo pictures --steps 1,3,8",
    "underpainting export demo found --search demo/seeds/search-0123456789ab",
)


def export(
    study: DoneStudy,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder.")],
    search: Annotated[
        Path | None, typer.Option(help="Folder of a search: its finished pictures, not the study's.")
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option(
            help="Steps from 1, with commas between: what probes read there, too.", show_default="none"
        ),
    ] = None,
    threads: Threads = None,
) -> None:
    """Write pictures with prompts, seeds, splits, masks, depth, shading and boxes, as a data set.

    `datasets.load_dataset("OUT")` loads it, each picture and map as an image; without that library it is
    plain PNG files, and a `metadata.jsonl` in each split. For what the network knew at --steps, pictures are
    made again up to the last of them; otherwise nothing is computed. Stopped at any moment, the same command
    goes on after the last whole batch.
    """
    from underpainting.cli._options import numbers
    from underpainting.screen import BATCHES, progress

    with progress(BATCHES) as shown:
        from underpainting.dataset.write import export as write
        from underpainting.study.study import open_study

        given = numbers(steps, "--steps") or ()
        write(open_study(study), out, search=search, steps=given, progress=shown)
    typer.echo(f"done: {out}")
