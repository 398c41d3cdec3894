"""`underpainting intervene`: the same prompt, seed and weights, another layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from underpainting.findings.interventions import Done

EXAMPLES = (
    'underpainting intervene demo --prompt "a blue mug on a wooden floor" --seed 7 --move 0.2,0.1',
    'underpainting intervene demo --prompt "a lemon on a stone floor" --seed 3 --mask drawn.png',
    'underpainting intervene demo --prompt "a red car on a tiled floor" --seed 5 --nearer 1',
    "underpainting intervene demo --experiment --pictures 100 --trials 3",
    "underpainting intervene demo --replay demo/interventions/0123456789ab",
)


def intervene(
    folder: Annotated[Path, typer.Argument(help="Folder of a study that is done.")],
    prompt: Annotated[str | None, typer.Option(help="Prompt of the picture.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of its noise.")] = 0,
    move: Annotated[
        str | None, typer.Option(help="Move the object RIGHT,DOWN by shares of width and height.")
    ] = None,
    scale: Annotated[float, typer.Option(help="Make it larger or smaller.")] = 1.0,
    rotate: Annotated[float, typer.Option(help="Turn it clockwise, in degrees.")] = 0.0,
    mirror: Annotated[bool, typer.Option("--mirror", help="Mirror it.")] = False,
    mask: Annotated[
        Path | None, typer.Option(help="Picture whose bright part is to be the object instead.")
    ] = None,
    nearer: Annotated[
        float, typer.Option(help="Bring it nearer by standard deviations of the picture's depth.")
    ] = 0.0,
    relight: Annotated[bool, typer.Option("--relight", help="Turn the light to the other side.")] = False,
    edit: Annotated[
        str | None,
        typer.Option(help="carry, covariance, minimum or gradient.", show_default="as chosen for the study"),
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(help="1: all the way; more: beyond.", show_default="as chosen for the study"),
    ] = None,
    steps: Annotated[
        str | None, typer.Option(help="FIRST-LAST step edited.", show_default="as chosen for the study")
    ] = None,
    layers: Annotated[
        str | None, typer.Option(help="Layers edited, with commas between.", show_default="all of them")
    ] = None,
    branches: Annotated[
        str | None, typer.Option(help="Branches edited, with a comma between.", show_default="conditional")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to make.", show_default="one in the study's interventions")
    ] = None,
    experiment: Annotated[
        bool, typer.Option("--experiment", help="Score many pictures and controls; goes on where it stopped.")
    ] = False,
    vary: Annotated[
        bool,
        typer.Option("--vary", help="Experiment: other strengths, steps and layers in place of controls."),
    ] = False,
    aim: Annotated[str, typer.Option(help="Experiment: the property whose maps are moved.")] = "saliency",
    pictures: Annotated[int, typer.Option(min=2, help="Experiment: test pictures, one a prompt.")] = 100,
    trials: Annotated[int, typer.Option(min=1, help="Experiment: random targets a picture.")] = 3,
    replay: Annotated[
        Path | None, typer.Option(help="Make the picture of this intervention's folder again.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Change activations so that the picture follows a target: same prompt, same seed, same weights.

    The folder holds the picture before and after, a strip with the target between them, and all that makes it
    again. With --experiment, test pictures are edited towards random targets, each beside the unedited
    picture, a random direction, a wrong target, shuffled probes, late steps and the picture's own map; the
    edit is chosen on calibrate pictures unless its settings are given.
    """
    from dataclasses import asdict

    from underpainting.cli.progress import progress
    from underpainting.cli.show import as_json, given, listed, pair, quiet_libraries
    from underpainting.errors import UnderpaintingError
    from underpainting.uses.intervene import Asked
    from underpainting.workflow import experiment as score
    from underpainting.workflow import intervene as work
    from underpainting.workflow import replay as again

    quiet_libraries()
    first, last = map(int, pair(steps, "--steps", "-")) if steps else (None, None)
    options: dict[str, object] = {"kind": edit, "strength": strength, "first": first, "last": last}
    options |= {"layers": listed(layers), "branches": listed(branches)}
    settings = given({"plan": options})["plan"]
    if replay is not None:
        typer.echo("the same picture" if again(folder, replay) else "not the same picture")
    elif experiment:
        with progress("the same command goes on after the last whole batch") as shown:
            found = score(
                folder,
                aim=aim,
                pictures=pictures,
                trials=trials,
                settings=settings,
                vary=vary,
                progress=shown,
            )
        as_json([asdict(row) for row in found]) if json else _table(found)
    else:
        if prompt is None:
            raise UnderpaintingError("nothing to do: give --prompt and a target, --experiment, or --replay")
        right, down = pair(move, "--move", ",") if move else (0.0, 0.0)
        asked = Asked(
            prompt=prompt,
            seed=seed,
            right=right,
            down=down,
            scale=scale,
            angle=rotate,
            mirrored=mirror,
            drawn=mask is not None,
            nearer=nearer,
            relit=relight,
        )
        made = work(folder, asked, settings, mask=mask, out=out)
        scores = {" ".join(filter(None, key)): value for key, value in made.scores.items()}
        if json:
            as_json({"folder": str(made.folder), **scores})
            return
        for name, value in scores.items():
            typer.echo(f"{name:<20} {value:.3f}")
        typer.echo(f"done: {made.folder}")


def _table(found: list[Done]) -> None:
    from underpainting.cli.show import interval, table

    columns = ["aim", "condition", "property", "metric", "pictures", "trials", "mean", "95 % interval"]
    rows = [
        [
            *(row.aim, row.condition, row.property, row.metric, row.pictures, row.trials, row.mean),
            *(interval(row.low, row.high), row.above, interval(row.above_low, row.above_high)),
        ]
        for row in found
    ]
    table([*columns, "edit above it", "95 % interval"], rows, keys=4)
