"""`underpainting look`: what the model knows of a given picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from underpainting.cli._options import DoneStudy, Json, Seed, Threads, listed, png_file
from underpainting.vocabulary import METRICS

PANEL = "Ask"
EXAMPLES = (
    "underpainting look demo photo.jpg",
    'underpainting look demo mug.png --prompt "a blue mug" --words mug,blue --out mug-look.png',
)


def look(
    study: DoneStudy,
    picture: Annotated[Path, typer.Argument(help="A picture file.")],
    prompt: Annotated[str, typer.Option(help="What the model is told.")] = "",
    seed: Seed = 0,
    words: Annotated[
        str | None,
        typer.Option(
            help="Words of the prompt to map the attention to, with commas between.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="PNG file to write.", show_default="PICTURE-look.png, in this folder")
    ] = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Show a picture to a study's model at each step's noise level, and draw what its probes read there.

    The picture is cut square and scaled to the model's size. Printed are the scores of what is read against
    the estimator's map of the picture itself.
    """
    from underpainting.cli._screen import as_json, table
    from underpainting.screen import progress

    target = png_file(out or Path(f"{picture.stem}-look.png"))
    with progress() as shown:
        from underpainting.findings.of_study import main_metrics
        from underpainting.questions.look import look as ask
        from underpainting.records import write_bytes
        from underpainting.report.answers import look_png
        from underpainting.study.study import open_study

        opened = open_study(study)
        looked = ask(opened, picture, prompt=prompt, seed=seed, words=listed(words) or (), progress=shown)
        write_bytes(target, look_png(looked))
    if json:
        as_json(looked.scores)
    else:
        by_step = zip(*looked.scores.values(), strict=True)
        main = main_metrics(opened.probes)
        titles = [f"{name}, {METRICS[main[name]]}" for name in looked.scores]
        table(["step", *titles], [[step, *row] for step, row in enumerate(by_step, start=1)])
    typer.echo(f"done: {target}", err=json)
