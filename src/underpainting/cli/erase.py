"""`underpainting erase`: what carries the layout?"""

from __future__ import annotations

from typing import Annotated

import typer

from underpainting.cli._options import Branches, DoneStudy, Json, Layers, Steps, Threads

PANEL = "Ask"
EXAMPLES = (
    "underpainting erase demo",
    "underpainting erase demo --property shading --steps 1-5 --pictures 40 --json",
)


def erase(
    study: DoneStudy,
    property: Annotated[str, typer.Option(help="What is erased.")] = "saliency",
    pictures: Annotated[int, typer.Option(min=2, max=1_000_000, help="Test pictures, one a prompt.")] = 100,
    fit_pictures: Annotated[
        int, typer.Option(min=2, max=1_000_000, help="Fit pictures, made in one batch.")
    ] = 128,
    steps: Steps = None,
    layers: Layers = None,
    branches: Branches = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Ask what carries the layout: erase what a probe reads while pictures are made. Does the layout go?

    What linear probes could read of a property is taken out of the activations by the least change (LEACE),
    in all layers, steps and branches unless others are given. Each place's eraser is fitted to what reaches
    it with all earlier ones at work. Beside it stand as large a change in a random direction, a random
    label's, shuffled labels' and the other properties' directions, and erasers fitted once to unedited
    activations. The scores are kept in STUDY/interventions/PROPERTY.
    """
    from underpainting.cli._options import edit_settings
    from underpainting.cli._screen import interval, rows_as_json, table
    from underpainting.screen import progress

    with progress() as shown:
        from underpainting.findings.erasure import PLACES, sentences, title
        from underpainting.questions.erase import erase as ask
        from underpainting.study.study import open_study

        where = edit_settings(None, None, steps, layers, branches)
        size = {"pictures": pictures, "fit_pictures": fit_pictures}
        answer = ask(open_study(study), property, where, **size, progress=shown)
    if json:
        rows_as_json(answer.rows)
        return
    columns = ["erased", "of", "score", "where", "prompts", "mean", "95 % interval"]
    rows = [
        [
            *(title(row.condition), row.property, row.metric, PLACES[row.place], row.prompts, row.mean),
            *(interval(row.low, row.high), row.above, interval(row.above_low, row.above_high)),
        ]
        for row in answer.rows
    ]
    table([*columns, "erased less it", "95 % interval"], rows, keys=4)
    for line in sentences(answer.rows, property, answer.where.place_words):
        typer.echo(line)
    typer.echo(f"done: {answer.file}")
