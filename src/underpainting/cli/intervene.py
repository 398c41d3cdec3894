"""`underpainting intervene`: the same prompt, seed and weights, another layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from underpainting.cli._options import Branches, DoneStudy, Json, Kind, Layers, Steps, Strength, Threads

if TYPE_CHECKING:
    from underpainting.uses.intervene import Intervened
    from underpainting.workflow.acting import Batch

TARGET, MANY = "Target", "Many pictures"
EXAMPLES = (
    'underpainting intervene demo --prompt "a blue mug on a wooden floor" --seed 7 --move 0.2,-0.1',
    'underpainting intervene demo --prompt "a lemon on a stone floor" --seed 3 --mask drawn.png',
    'underpainting intervene demo --prompt "a red car on a tiled floor" --seed 5 --nearer 1',
    "underpainting intervene demo --prompts many.csv --move 0.2,0.1 --out moved",
    "underpainting intervene demo --prompts many.csv --masks masks/",
)


def intervene(
    study: DoneStudy,
    prompt: Annotated[str | None, typer.Option(help="Prompt of the picture.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of its noise.")] = 0,
    move: Annotated[
        str | None,
        typer.Option(
            metavar="RIGHT,DOWN",
            rich_help_panel=TARGET,
            help="Move the object by shares of the picture's width and height; "
            "negative numbers move it left and up: -0.2,0 is a fifth of the width to the left.",
        ),
    ] = None,
    scale: Annotated[
        float, typer.Option(rich_help_panel=TARGET, help="Make it so many times as large; below 1 smaller.")
    ] = 1.0,
    rotate: Annotated[
        float, typer.Option(rich_help_panel=TARGET, help="Turn it clockwise, in degrees.")
    ] = 0.0,
    mirror: Annotated[
        bool, typer.Option("--mirror", rich_help_panel=TARGET, help="Mirror it, left to right.")
    ] = False,
    mask: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=TARGET,
            help="Picture of any size whose bright (or opaque) part is to be the object.",
        ),
    ] = None,
    nearer: Annotated[
        float,
        typer.Option(
            rich_help_panel=TARGET,
            help="Bring it nearer by standard deviations of the picture's depth; negative: away.",
        ),
    ] = 0.0,
    relight: Annotated[
        bool, typer.Option("--relight", rich_help_panel=TARGET, help="Turn the light to the other side.")
    ] = False,
    edit: Kind = None,
    strength: Strength = None,
    steps: Steps = None,
    layers: Layers = None,
    branches: Branches = None,
    prompts: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=MANY, help="A file of prompts, with a column move where each has its own."
        ),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(rich_help_panel=MANY, help="Folder of masks, prompt_0_seed_7.png and so on."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to make.", show_default="one in the study's interventions")
    ] = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Change activations so that the picture follows a target: same prompt, same seed, same weights.

    The folder holds the picture before and after, a strip of both with the target's outline, and all that
    `replay` needs to make it again. With --prompts there is a folder a picture, a table of scores and contact
    sheets; the same command goes on where it stopped.

    The edit is the one that `experiment` chose for the study. Without one, moves are carry, strength 2,
    steps 1 to 5, and other targets covariance, strength 5, steps 1 to 8, in all layers of the conditional
    branch.
    """
    from underpainting.cli.progress import ANEW, MISSING, progress
    from underpainting.errors import UnderpaintingError

    if (prompt is None) == (prompts is None):
        raise UnderpaintingError("give --prompt for one picture, or --prompts FILE for many")
    if (mask and prompts) or (masks and prompt is not None):
        raise UnderpaintingError("--mask FILE goes with --prompt, --masks FOLDER with --prompts")
    with progress(ANEW if prompts is None else MISSING) as shown:
        from underpainting.cli._options import edit_settings
        from underpainting.uses.intervene import two_numbers
        from underpainting.workflow import intervene as work
        from underpainting.workflow import intervene_many

        right, down = two_numbers(move, "--move", ",") if move else (0.0, 0.0)
        asked: dict[str, Any] = {"right": right, "down": down, "scale": scale, "angle": rotate}
        asked |= {"mirrored": mirror, "nearer": nearer, "relit": relight}
        settings = edit_settings(edit, strength, steps, layers, branches)
        if prompts is not None:
            batch = intervene_many(study, str(prompts), asked, settings, masks=masks, out=out, progress=shown)
        else:
            one = {"prompt": prompt, "seed": seed, **asked}
            made, home = work(study, one, settings, mask=mask, out=out, progress=shown)
    if prompts is not None:
        _show_batch(batch, json)
    else:
        _show_one(made, home, json)


def _show_one(made: Intervened, home: Path, json: bool) -> None:
    from underpainting.cli.show import as_json, table
    from underpainting.uses.intervene import measure

    if json:
        as_json({"folder": str(home), **_about(made)})
        return
    agree = {name: made.scores[name, "target"] for name in made.plan.properties}
    rows: list[list[object]] = [
        [f"{name}, {measure(name)} with the target", *of] for name, of in agree.items()
    ]
    if made.before.seen is not None:
        rows.append(["class", made.before.seen, made.after.seen])
    table(["", "unedited", "edited"], rows)
    for sentence in made.advice:
        typer.echo(sentence)
    typer.echo(f"done: {home / 'strip.png'}")


def _show_batch(batch: Batch, json: bool) -> None:
    from underpainting.cli.show import as_json, table
    from underpainting.uses.intervene import measure

    if json:
        pictures = {image: _about(made) for image, made in batch.made.items()}
        as_json({"folder": str(batch.folder), "pictures": pictures, "left_out": batch.left_out})
        return
    for name in dict.fromkeys(name for made in batch.made.values() for name in made.plan.properties):
        rows = [
            [
                image,
                *made.scores[name, "target"],
                made.before.seen,
                made.after.seen,
                _said(made.followed[name]),
            ]
            for image, made in batch.made.items()
            if name in made.plan.properties
        ]
        columns = ["picture", "unedited", "edited", "class", "class edited", "followed"]
        typer.echo(f"{name}, {measure(name)} with the target")
        table(columns, rows)
    followed = sum(all(made.followed.values()) for made in batch.made.values())
    left = f"; {len(batch.left_out)} left out" if batch.left_out else ""
    typer.echo(f"{followed} of {len(batch.made)} pictures follow their target{left}")
    typer.echo(f"done: {batch.folder}")


def _about(made: Intervened) -> dict[str, Any]:
    scores = {" ".join(filter(None, key)): pair for key, pair in made.scores.items()}
    both = {name: {"unedited": old, "edited": edited} for name, (old, edited) in scores.items()}
    seen = {"unedited": made.before.seen, "edited": made.after.seen}
    return {"scores": both, "class": seen, "followed": made.followed, "advice": made.advice}


def _said(yes: bool) -> str:
    return "yes" if yes else "no"
