"""`underpainting run`: run a study or go on with it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from underpainting.cli._options import AnyStudy, Json, Threads

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
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="INTEGER|auto",
            help="Processes that make pictures; CPUs and GPUs are shared out among them. auto: one a GPU.",
        ),
    ] = None,
    on: Annotated[
        str, typer.Option(metavar="here|ray", help="Where they run: on this machine, or on a Ray cluster.")
    ] = "here",
    address: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="The cluster's head; else the one that this machine is in."),
    ] = None,
    gpus_per_worker: Annotated[
        float | None, typer.Option(help="GPUs of each worker on a cluster, such as 0.5; else one.")
    ] = None,
    max_set_aside: Annotated[
        float, typer.Option(min=0, max=1, help="Share of pictures that may be set aside as unsound.")
    ] = 0.05,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Run a study, or go on with it from its last whole shard; write its report and print its results."""
    from underpainting.cli._screen import finish
    from underpainting.screen import SHARDS, progress

    with progress(SHARDS) as shown:
        from underpainting import workflow
        from underpainting.study.executors import find_cluster

        many: Any = int(workers) if workers and workers.isdecimal() else workers
        cluster = find_cluster(on, address, gpus_per_worker)
        done = workflow.run(study, progress=shown, workers=many, cluster=cluster, max_set_aside=max_set_aside)
    finish(done, json)
