"""`underpainting estimate`: what a study will cost."""

from __future__ import annotations

from typing import Annotated

import typer

from underpainting.cli._options import AnyStudy, Json, Threads

PANEL, PLACE = "Study", 3
EXAMPLES = ("underpainting estimate STUDY", "underpainting estimate STUDY --no-time --json")


def estimate(
    study: AnyStudy,
    time: Annotated[bool, typer.Option(help="Measure the time on two pictures.")] = True,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Tell what a study will cost before it runs: pictures, evaluations, moments, memory, disk, time."""
    from dataclasses import asdict

    from underpainting.cli._screen import as_json, table
    from underpainting.screen import progress

    with progress() as shown:
        from underpainting.progress import duration
        from underpainting.study.environment import load_trusted, use_threads
        from underpainting.study.estimate import advice, machine_memory
        from underpainting.study.estimate import estimate as work
        from underpainting.study.request.suited import about_observers
        from underpainting.study.study import open_study
        from underpainting.weights import readable

        opened = open_study(study)
        for line in about_observers(opened.config):
            shown.note(line)
        use_threads(opened)
        cost = work(opened, load_trusted(opened), measure_time=time, progress=shown)
    if json:
        as_json(asdict(cost))
        return
    rows = [
        ["pictures", f"{cost.pictures} ({cost.fit} fit, {cost.calibrate} calibrate, {cost.test} test)"],
        ["prompts cut at the text encoders' limit", str(cost.prompts_cut)],
        ["made already", str(cost.pictures_made)],
        ["network evaluations", str(cost.evaluations)],
        ["probes", f"{cost.probes} ({cost.layers} layers, {cost.steps} steps)"],
        ["moments", readable(cost.moments_bytes)],
        ["memory", f"{readable(cost.memory_bytes)} besides the model's {readable(cost.model_bytes)}"],
        ["disk", readable(cost.disk_bytes)],
        ["time", "not measured" if cost.seconds is None else duration(cost.seconds)],
    ]
    if choose := advice(cost, machine_memory()):
        rows.insert(7, ["", choose])
    table(["what", "how much"], rows)
