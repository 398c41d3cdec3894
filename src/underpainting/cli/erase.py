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
        from underpainting.findings.erasure import NULL, PLACES, sentences, title
        from underpainting.questions.erase import erase as ask
        from underpainting.study.study import open_study

        where = edit_settings(None, None, steps, layers, branches)
        size = {"pictures": pictures, "fit_pictures": fit_pictures}
        answer = ask(open_study(study), property, where, **size, progress=shown)
    if json:
        rows_as_json(answer.rows)
        return
    cells = {(row.condition, row.property, row.metric, row.place): row for row in answer.rows}
    others = [
        name for name in dict.fromkeys(row.property for row in answer.rows) if name not in ("", property)
    ]
    read = [key[1:] for key in dict.fromkeys((NULL, *key[1:]) for key in cells if key[3])]
    scores = [(name, "own", "") for name in others] + [("", "class_kept", ""), ("", "change", ""), *read]
    rows = []
    for condition in dict.fromkeys(row.condition for row in answer.rows):
        own = cells.get((condition, property, "own", ""))
        about = (own.mean, interval(own.low, own.high)) if own else (None, "-")
        less = (own.above, interval(own.above_low, own.above_high)) if own else (None, "-")
        given = [cells.get((condition, *score)) for score in scores]
        rows.append([title(condition), *about, *less, *(of.mean if of else None for of in given)])
    columns = ["erased", f"{property} kept", "95 % interval", "erased less it", "95 % interval"]
    columns += [*(f"{name} kept" for name in others), "class kept", "change"]
    table([*columns, *(f"read {PLACES[place]}" for *_, place in read)], rows)
    for line in sentences(answer.rows, property, answer.where.place_words):
        typer.echo(line)
    typer.echo(f"done: {answer.file}")
