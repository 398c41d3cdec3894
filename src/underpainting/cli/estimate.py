"""`underpainting estimate`: what a study will cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from underpainting.cli._options import Threads

EXAMPLES = ("underpainting estimate STUDY", "underpainting estimate STUDY --no-time --json")


def estimate(
    folder: Annotated[Path, typer.Argument(help="Folder of the study.")],
    time: Annotated[bool, typer.Option(help="Measure the time on two pictures.")] = True,
    threads: Threads = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Tell what a study will cost before it runs: pictures, evaluations, moments, memory, disk, time."""
    from dataclasses import asdict

    from underpainting.cli.progress import progress

    with progress() as shown:
        from underpainting.cli.show import as_json, table
        from underpainting.study.environment import open_workshop, use_threads
        from underpainting.study.estimate import estimate as work
        from underpainting.study.folder import open_study
        from underpainting.study.progress import duration
        from underpainting.weights import readable

        study = open_study(folder)
        use_threads(study)
        found = work(study, open_workshop(study.config), measure_time=time, progress=shown)
    if json:
        as_json(asdict(found))
        return
    rows = [
        ["pictures", f"{found.pictures} ({found.fit} fit, {found.calibrate} calibrate, {found.test} test)"],
        ["made already", str(found.pictures_made)],
        ["network evaluations", str(found.evaluations)],
        ["probes", f"{found.probes} ({found.layers} layers, {found.steps} steps)"],
        ["moments", readable(found.moments_bytes)],
        ["memory", f"{readable(found.memory_bytes)} besides the model's {readable(found.model_bytes)}"],
        ["disk", readable(found.disk_bytes)],
        ["time", "not measured" if found.seconds is None else duration(found.seconds)],
    ]
    table(["what", "how much"], rows)
