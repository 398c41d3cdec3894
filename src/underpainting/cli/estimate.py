"""`underpainting estimate`: what a study will cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from underpainting.cli._options import AnyStudy, Json, Threads

if TYPE_CHECKING:
    from underpainting.study.estimate import Estimate

PANEL, PLACE = "Study", 3
EXAMPLES = ("underpainting estimate STUDY", "underpainting estimate STUDY --no-time --json")


def estimate(
    study: AnyStudy,
    time: Annotated[bool, typer.Option(help="Measure the time on two pictures.")] = True,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Tell what a study will cost before it runs: pictures, evaluations, totals, memory, disk, time.

    With --no-time no weights are read: configurations and tokenizers are enough.
    """
    from dataclasses import asdict

    from underpainting.cli._screen import as_json, table
    from underpainting.screen import progress

    with progress() as shown:
        from underpainting.study.environment import load_trusted, use_threads
        from underpainting.study.estimate import estimate as work
        from underpainting.study.request.suited import about_observers
        from underpainting.study.stated import load_stated
        from underpainting.study.study import open_study

        opened = open_study(study)
        for line in about_observers(opened.config):
            shown.note(line)
        use_threads(opened)
        loaded = load_trusted(opened) if time else load_stated(opened)
        cost = work(opened, loaded, measure_time=time, progress=shown)
    if json:
        as_json(asdict(cost))
        return
    table(["what", "how much"], _rows(cost))


def _rows(cost: Estimate) -> list[list[str]]:
    """The table's rows; advice stands below what it is about."""
    from underpainting.progress import duration
    from underpainting.weights import readable

    weights = f"{readable(cost.model_bytes)} of them the model's weights"
    host = f"{readable(cost.host_bytes)} of {readable(cost.host_there)}"
    rows = [
        ["pictures", f"{cost.pictures} ({cost.fit} fit, {cost.calibrate} calibrate, {cost.test} test)"],
        ["prompts cut at the text encoders' limit", str(cost.prompts_cut)],
        ["made already", str(cost.pictures_made)],
        ["network evaluations", str(cost.evaluations)],
        ["probes", f"{cost.probes} ({cost.layers} layers, {cost.steps} steps)"],
        ["totals", f"{readable(cost.totals_bytes)}, {readable(cost.moments_bytes)} of them moments"],
    ]
    if cost.gpu_bytes is None or cost.gpu_there is None:
        rows.append(["memory", f"{host}, {weights}"])
    else:
        gpu = f"{readable(cost.gpu_bytes)} of {readable(cost.gpu_there)}"
        rows += [["memory of the GPU", f"{gpu}, {weights}"], ["memory of the host", host]]
    if cost.memory_advice:
        rows.append(["", cost.memory_advice])
    rows.append(["disk", f"{readable(cost.disk_bytes)}, of which {readable(cost.stay_bytes)} stay"])
    rows.append(["written in all", readable(cost.written_bytes)])
    if cost.shard_advice:
        rows.append(["", cost.shard_advice])
    time = "not measured"
    if cost.seconds is not None:
        time = (
            f"{duration(cost.seconds)} for all evaluations and their sums; controls of finished pictures, "
            "scores and folding come on top"
        )
    return [*rows, ["time", time]]
