"""`underpainting nonlinear`: non-linear probes beside a study's own."""

from __future__ import annotations

from typing import Annotated

import typer

from underpainting.cli._options import DoneStudy, Json, Threads

PANEL = "Ask"
EXAMPLES = ("underpainting nonlinear demo", "underpainting nonlinear demo --pictures 120 --json")


def nonlinear(
    study: DoneStudy,
    pictures: Annotated[
        int, typer.Option(min=4, max=1_000_000, help="Fit pictures to train on; half as many test.")
    ] = 60,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Ask whether a linear probe reads all there is: train two-layer probes on the same activations.

    Some of the study's pictures are made again, the best layers captured at steps 1, 3, 8 and 15, and two
    probes trained by gradient descent on each: the published linear one, and one of two layers. Beside them
    stands a linear probe of the last layer of every block at once, on the finest grid. The study is not
    changed.
    """
    from underpainting.cli._screen import interval, rows_as_json, table
    from underpainting.screen import progress

    with progress() as shown:
        from underpainting.questions.nonlinear import nonlinear as ask
        from underpainting.study.study import open_study
        from underpainting.vocabulary import METRICS

        answer = ask(open_study(study), pictures, shown)
    if json:
        rows_as_json(answer)
        return
    columns = ["property", "layer", "step", "metric", "solved", "by gradient", "two layers", "gain"]
    columns += ["95 % interval", "ceiling", "stacked", "its ceiling"]
    rows = []
    for r in answer:
        row = [r.property, r.layer, r.step, METRICS[r.metric], r.solved, r.gradient, r.two_layer, r.gain]
        rows.append([*row, interval(r.low, r.high), r.ceiling, r.stacked, r.stacked_ceiling])
    table(columns, rows, keys=4)
