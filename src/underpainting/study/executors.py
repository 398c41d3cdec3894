"""Where parts are made: in this process, in several on this machine, or on a cluster.

An executor makes parts that are asked for and gives them back in their order; what it makes them by is its
own affair. Everything that many workers may make goes through `executor`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Literal

import torch

from underpainting.errors import UnderpaintingError, require_number, shown
from underpainting.observers.estimators import Estimator
from underpainting.progress import Progress
from underpainting.study.cluster.executor import on_cluster
from underpainting.study.cluster.job import Cluster
from underpainting.study.environment import use_threads
from underpainting.study.makers import Load, Make, here
from underpainting.study.processes import in_processes
from underpainting.study.study import StudyFolder

MAX_WORKERS = 256
Workers = int | Literal["auto"] | None
"""How many processes make pictures; "auto" is one a GPU, and one (on a cluster one a host) where there is
none; None is one here and "auto" on a cluster.
"""
ON = ("here", "ray")


def find_cluster(on: str, address: str | None = None, gpus_per_worker: float | None = None) -> Cluster | None:
    """Where `on` says that parts are made: None is this machine. See `Cluster`.

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


def count_workers(
    asked: Workers, cluster: Cluster | None = None, estimator: Estimator | None = None
) -> int | None:
    """The number of processes; None where the cluster decides.

    estimator: an object that they would work with. Raises UnderpaintingError where the number is none that
    there can be, or there is such an object for more processes than this one.
    """
    count = _count(asked, cluster)
    if estimator and (cluster or count != 1):
        raise UnderpaintingError(
            "several workers load the estimator by name, such as 'module:Class'; give no object, or one "
            "worker"
        )
    return count


def _count(asked: Workers, cluster: Cluster | None) -> int | None:
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
def executor(
    study: StudyFolder,
    root: Path,
    progress: Progress,
    load: Load,
    workers: int | None,
    cluster: Cluster | None,
) -> Iterator[Make]:
    """Give what makes a study's parts; this process has the threads that it is to compute with.

    root: the folder that the command writes in, and no other one meanwhile. load: what other processes load,
    at once, while this one does. workers: as `count_workers` gives it.
    """
    chosen: AbstractContextManager[Make]
    if cluster:
        chosen = on_cluster(study, root, progress, load, cluster, workers)
    elif workers is None or workers == 1:
        use_threads(study)
        chosen = nullcontext(here)
    else:
        chosen = in_processes(study, root, progress, load, workers)
    with chosen as make:
        yield make
