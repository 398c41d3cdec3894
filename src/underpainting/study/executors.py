"""Where shards are made: in this process, in several on this machine, or on a cluster.

An executor makes shards that are asked for and gives them back in their order; what it makes them by is its
own affair. Every phase of every run goes through `shard_maker`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

import torch

from underpainting.errors import UnderpaintingError, require_number, shown
from underpainting.study.cluster.executor import on_cluster
from underpainting.study.cluster.job import Cluster
from underpainting.study.environment import use_threads
from underpainting.study.phases import make_shard
from underpainting.study.processes import in_processes
from underpainting.study.schedule import Shard
from underpainting.study.study import StudyFolder
from underpainting.study.work import Work

Make = Callable[[Work, Sequence[Shard]], Iterator[Shard]]
"""Makes shards and yields each, in the order given, when it is whole; progress is told of their pictures."""
MAX_WORKERS = 256
Workers = int | Literal["auto"] | None
"""How many processes make pictures; "auto" is one a GPU, and one (on a cluster one a host) where there is
none; None is one here and "auto" on a cluster.
"""
ON = ("here", "ray")


def find_cluster(on: str, address: str | None = None, gpus_per_worker: float | None = None) -> Cluster | None:
    """Where `on` says that shards are made: None is this machine. See `Cluster`.

    Raises UnderpaintingError where there is no such place, or the rest does not go with it.
    """
    if on not in ON:
        raise UnderpaintingError(f"on is {shown(on)}: give {' or '.join(ON)}")
    if on == "here":
        for name, value in (("address", address), ("gpus_per_worker", gpus_per_worker)):
            if value is not None:
                raise UnderpaintingError(f"{name} is {shown(value)}, which a cluster alone has; run on ray")
        return None
    if address is not None:
        host, _, port = address.rpartition(":")
        if not host or "/" in address or not (port.isdecimal() and 0 < int(port) < 2**16):
            raise UnderpaintingError(f"address is {shown(address)}: give HOST:PORT of the cluster's head")
    if gpus_per_worker is not None:
        require_number("gpus_per_worker", gpus_per_worker, 0, 16, whole=gpus_per_worker > 1)
    return Cluster(address, gpus_per_worker)


def count_workers(asked: Workers, cluster: Cluster | None = None) -> int | None:
    """The number of processes; None where the cluster decides.

    Raises UnderpaintingError where it is none that there can be.
    """
    if asked == "auto" or asked is None:
        if cluster:
            return None
        return 1 if asked is None else max(1, torch.cuda.device_count())
    if isinstance(asked, bool) or not isinstance(asked, int) or not 1 <= asked <= MAX_WORKERS:
        raise UnderpaintingError(
            f"workers is {shown(asked)}: give a whole number from 1 to {MAX_WORKERS}, or auto for one a GPU"
        )
    return asked


@contextmanager
def shard_maker(
    study: StudyFolder, workers: int | None, cluster: Cluster | None, max_set_aside: float
) -> Iterator[Make]:
    """Give what makes a study's shards; this process has the threads that it is to compute with.

    workers: as `count_workers` gives it. Other processes begin to load at once, while this one does.
    """
    executor: AbstractContextManager[Make]
    if cluster:
        executor = on_cluster(study, cluster, workers, max_set_aside)
    elif workers is None or workers == 1:
        use_threads(study)
        executor = nullcontext(_here)
    else:
        executor = in_processes(study, workers, max_set_aside)
    with executor as make:
        yield make


def _here(work: Work, shards: Sequence[Shard]) -> Iterator[Shard]:
    for shard in shards:
        make_shard(work, shard)
        yield shard
