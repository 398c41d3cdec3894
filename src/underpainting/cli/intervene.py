"""`underpainting intervene`: the same prompt, seed and weights, another layout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from underpainting.cli._options import Branches, DoneStudy, Json, Kind, Layers, Seed, Steps, Strength, Threads

PANEL, PLACE = "Act", 1
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
    seed: Seed = 0,
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
    """Move an object: change activations so that the picture follows a target, same prompt, seed and weights.

    The folder holds the picture before and after, a strip of both with the target's outline, and all that
    `replay` needs to make it again. With --prompts there is a folder a picture, a table of scores and contact
    sheets; the same command goes on where it stopped.

    The edit is the one that `experiment` chose for the study. Without one, moves are carry, strength 2,
    steps 1 to 5, and other targets covariance, strength 5, steps 1 to 8, in all layers of the conditional
    branch.
    """
    from underpainting.errors import UnderpaintingError
    from underpainting.screen import ANEW, MISSING, progress

    if (prompt is None) == (prompts is None):
        raise UnderpaintingError("give --prompt for one picture, or --prompts FILE for many")
    if (mask and prompts) or (masks and prompt is not None):
        raise UnderpaintingError("--mask FILE goes with --prompt, --masks FOLDER with --prompts")
    with progress(ANEW if prompts is None else MISSING) as shown:
        from underpainting.cli._intervened import show_batch, show_one
        from underpainting.cli._options import edit_settings
        from underpainting.intervention import act
        from underpainting.intervention.picture import two_numbers
        from underpainting.study.study import open_study

        right, down = two_numbers(move, "--move", ",", "0.2,-0.1") if move else (0.0, 0.0)
        asked: dict[str, Any] = {"right": right, "down": down, "scale": scale, "angle": rotate}
        asked |= {"mirrored": mirror, "nearer": nearer, "relit": relight}
        edited = edit_settings(edit, strength, steps, layers, branches)
        opened = open_study(study)
        if prompts is not None:
            batch = act.intervene_many(
                opened, str(prompts), asked, edited, masks=masks, out=out, progress=shown
            )
        else:
            one = {"prompt": prompt, "seed": seed, **asked}
            made, home = act.intervene(opened, one, edited, mask=mask, out=out, progress=shown)
    if prompts is not None:
        show_batch(batch, json)
    else:
        show_one(made, home, json)
