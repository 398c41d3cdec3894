"""`underpainting experiment`: interventions scored beside their controls."""

from __future__ import annotations

from typing import Annotated

import typer

from underpainting.cli._options import Branches, DoneStudy, Json, Kind, Layers, Steps, Strength, Threads

EXAMPLES = (
    "underpainting experiment demo --pictures 100 --trials 3",
    "underpainting experiment demo --aim shading --edit covariance --strength 2.5 --steps 1-8",
    "underpainting experiment demo --vary --pictures 40 --trials 1",
)


def experiment(
    study: DoneStudy,
    aim: Annotated[str, typer.Option(help="The property whose maps are moved.")] = "saliency",
    pictures: Annotated[int, typer.Option(min=2, help="Test pictures, one a prompt.")] = 100,
    trials: Annotated[int, typer.Option(min=1, help="Random targets a picture.")] = 3,
    vary: Annotated[
        bool, typer.Option("--vary", help="Other strengths, steps and layers in place of controls.")
    ] = False,
    edit: Kind = None,
    strength: Strength = None,
    steps: Steps = None,
    layers: Layers = None,
    branches: Branches = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Edit test pictures towards random targets and score them beside controls; go on where it stopped.

    The controls are the unedited picture, a random direction, a wrong target, shuffled probes, late steps and
    the picture's own map. The edit is chosen on calibrate pictures unless one of its settings is given; then
    the others are carry, strength 2, steps 1 to 5, all layers, conditional branch. `intervene` takes up what
    was chosen, the report shows the scores.
    """
    from dataclasses import asdict

    from underpainting.cli.progress import BATCHES, progress

    size = {"pictures": pictures, "trials": trials}
    with progress(BATCHES) as shown:
        from underpainting.cli._options import edit_settings
        from underpainting.cli.show import as_json, interval, table
        from underpainting.workflow import experiment as work

        settings = edit_settings(edit, strength, steps, layers, branches)
        found = work(study, aim=aim, **size, settings=settings, vary=vary, progress=shown)
    if json:
        as_json([asdict(row) for row in found])
        return
    columns = ["aim", "condition", "property", "metric", "pictures", "trials", "mean", "95 % interval"]
    rows = [
        [
            *(row.aim, row.condition, row.property, row.metric, row.pictures, row.trials, row.mean),
            *(interval(row.low, row.high), row.above, interval(row.above_low, row.above_high)),
        ]
        for row in found
    ]
    table([*columns, "edit above it", "95 % interval"], rows, keys=4)
