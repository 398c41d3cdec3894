"""`underpainting experiment`: interventions scored beside their controls."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from underpainting.cli._options import (
    Address,
    Branches,
    DoneStudy,
    GpusPerWorker,
    Json,
    Kind,
    Layers,
    On,
    Steps,
    Strength,
    Threads,
    Workers,
)

PANEL, PLACE = "Act", 2
EXAMPLES = (
    "underpainting experiment demo --pictures 100 --trials 3",
    "underpainting experiment demo --aim shading --edit covariance --strength 2.5 --steps 1-8",
    "underpainting experiment demo --vary --pictures 40 --trials 1",
    "underpainting experiment demo --workers 2",
    "underpainting experiment demo --on ray --address 10.0.0.1:6379",
)


def experiment(
    study: DoneStudy,
    aim: Annotated[str, typer.Option(help="The property whose maps are moved.")] = "saliency",
    pictures: Annotated[int, typer.Option(min=2, max=1_000_000, help="Test pictures, one a prompt.")] = 100,
    trials: Annotated[int, typer.Option(min=1, max=1000, help="Random targets a picture.")] = 3,
    vary: Annotated[
        bool, typer.Option("--vary", help="Other strengths, steps and layers in place of controls.")
    ] = False,
    edit: Kind = None,
    strength: Strength = None,
    steps: Steps = None,
    layers: Layers = None,
    branches: Branches = None,
    workers: Workers = None,
    on: On = "here",
    address: Address = None,
    gpus_per_worker: GpusPerWorker = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Edit test pictures towards random targets and score them beside controls; go on where it stopped.

    The controls are the unedited picture, a random direction, a wrong target, shuffled probes, late steps,
    the picture's own map, and the finished picture moved. Beside them stand the other kind of edit; of a
    carry edit the part that the probe reads, and the rest; what the probe reads erased; and what needs no
    look inside: another seed, the initial noise moved, and the moved picture noised and redone. The edit is
    chosen on calibrate pictures unless one of its settings is given; then the others are carry, strength 2,
    steps 1 to 5, all layers, conditional branch. `intervene` takes up what was chosen, the report shows the
    scores.
    """
    from underpainting.cli._options import edit_settings, placed
    from underpainting.cli._screen import interval, rows_as_json, table
    from underpainting.screen import BATCHES, progress

    with progress(BATCHES) as shown:
        where = placed(workers, on, address, gpus_per_worker)
        from underpainting.intervention.act import experiment as act
        from underpainting.report import write_report
        from underpainting.study.study import open_study

        settings, opened = edit_settings(edit, strength, steps, layers, branches), open_study(study)
        asked: dict[str, Any] = {"pictures": pictures, "trials": trials, "settings": settings, "vary": vary}
        means = act(opened, aim=aim, **asked, progress=shown, **where)
        if not vary:
            shown.phase("writing the report")
            write_report(opened)
    if json:
        rows_as_json(means)
        return
    columns = ["aim", "condition", "property", "metric", "pictures", "trials", "mean", "95 % interval"]
    rows = [
        [
            *(row.aim, row.condition, row.property, row.metric, row.pictures, row.trials, row.mean),
            *(interval(row.low, row.high), row.above, interval(row.above_low, row.above_high)),
        ]
        for row in means
    ]
    table([*columns, "edit above it", "95 % interval"], rows, keys=4)
