"""`underpainting run`: run a study or go on with it."""

from __future__ import annotations

from typing import Annotated

import typer

from underpainting.cli._options import Address, AnyStudy, GpusPerWorker, Json, On, Threads, Workers

PANEL, PLACE = "Study", 4
EXAMPLES = (
    "underpainting run STUDY",
    "underpainting run STUDY --workers 2",
    "underpainting run STUDY --workers auto",
    "underpainting run STUDY --on ray --address 10.0.0.1:6379",
    "underpainting run STUDY --json > results.json",
)


def run(
    study: AnyStudy,
    workers: Workers = None,
    on: On = "here",
    address: Address = None,
    gpus_per_worker: GpusPerWorker = None,
    max_set_aside: Annotated[
        float, typer.Option(min=0, max=1, help="Share of pictures that may be set aside as unsound.")
    ] = 0.05,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Run a study, or go on with it from its last whole shard; write its report and print its results."""
    from underpainting.cli._options import placed
    from underpainting.cli._screen import finish
    from underpainting.screen import SHARDS, progress

    with progress(SHARDS) as shown:
        where = placed(workers, on, address, gpus_per_worker)
        from underpainting import workflow

        done = workflow.run(study, progress=shown, max_set_aside=max_set_aside, **where)
    finish(done, json)
