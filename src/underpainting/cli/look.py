"""`underpainting look`: what the model knows of a given picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from underpainting.cli._options import Threads

EXAMPLES = (
    "underpainting look photo.jpg --study demo",
    'underpainting look mug.png --study demo --prompt "a blue mug" --out mug-look.png',
)


def look(
    picture: Annotated[Path, typer.Argument(help="A picture file.")],
    study: Annotated[Path, typer.Option(help="A study that is done; its model and probes look.")] = Path(
        "demo"
    ),
    prompt: Annotated[str, typer.Option(help="What the model is told.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="PNG file to write.", show_default="beside the picture")
    ] = None,
    threads: Threads = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show a picture to a study's model at each step's noise level, and draw what its probes read there.

    The picture is cut square and scaled to the model's size. Printed are the scores of what is read against
    the estimator's map of the picture itself.
    """
    from underpainting.cli.progress import progress

    target = out or picture.with_name(f"{picture.stem}-look.png")
    with progress() as shown:
        from underpainting.cli.show import as_json, table
        from underpainting.workflow import look as work

        scores = work(picture, study, prompt=prompt, seed=seed, out=target, progress=shown)
    if json:
        as_json(scores)
    else:
        steps = len(next(iter(scores.values())))
        table(["step", *scores], [[i + 1, *(of[i] for of in scores.values())] for i in range(steps)])
    typer.echo(f"done: {target}", err=json)
