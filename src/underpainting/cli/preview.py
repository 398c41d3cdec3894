"""`underpainting preview`: what many seeds come to, after a few steps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from underpainting.cli._options import DoneStudy, Json, Seeds, Threads, Wishes

PANEL, PLACE = "Act", 3
ROWS = 10  # that are printed
EXAMPLES = (
    'underpainting preview demo --prompt "a blue mug on a wooden floor" --seeds 0:64 --steps 2',
    'underpainting preview demo --prompt "a lemon on a carpet" --seeds 0:32 --wish "left third"',
)


def preview(
    study: DoneStudy,
    prompt: Annotated[str, typer.Option(help="Prompt of the pictures.")],
    seeds: Seeds = "0:64",
    steps: Annotated[int, typer.Option(min=1, max=1000, help="Steps that are done.")] = 2,
    wish: Wishes = None,
    out: Annotated[
        Path | None, typer.Option(help="PNG file to write.", show_default="one in the study's seeds")
    ] = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Denoise many seeds for a few steps, and draw on one sheet what the model already knows of each.

    The sheet shows clean predictions and what probes read: where the object is, how far everything is,
    where the light falls. With a wish, as `search` takes it, the best come first. Printed is each seed's
    layout: the place of the object across and down in 0..1, its share of the picture, the share that is
    farther, and where it is lit from, -1 from the left or above to 1; of more than ten seeds the first ten,
    with --json all. What is made is kept: `search` goes on from it.
    """
    from underpainting.cli._options import given_seeds, png_file
    from underpainting.cli._screen import as_json, table
    from underpainting.screen import BATCHES, progress

    with progress(BATCHES) as shown:
        from underpainting.seeds.preview import preview as act
        from underpainting.study.study import open_study

        chosen, file = given_seeds(seeds or "", shown.note), out and png_file(out)
        opened = open_study(study)
        previewed = act(opened, prompt, seeds=chosen, step=steps, wishes=wish or (), out=file, progress=shown)
    if json:
        as_json(previewed.rows)
    else:
        columns, rows = list(previewed.rows[0]), [list(row.values()) for row in previewed.rows]
        table([name.replace("_", " ") for name in columns], rows[:ROWS])
        if len(rows) > ROWS:
            typer.echo(f"and {len(rows) - ROWS} more: --json prints them all")
    typer.echo(f"done: {previewed.file}", err=json)
