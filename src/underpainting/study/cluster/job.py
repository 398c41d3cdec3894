"""What a run tells the workers of a cluster about itself: plain data that any Python can read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster: the address HOST:PORT of its head, or None for the one that this machine is a node of.

    Where there is none, one of this machine alone is begun. gpus_per_worker: what each worker takes; None is
    one where the cluster has GPUs and the study may use them.
    """

    address: str | None = None
    gpus_per_worker: float | None = None


@dataclass(frozen=True)
class Job:
    """A run in a study's folder, which workers may see, or not.

    scratch: a folder within the study's that holds the file `MARKER` of the text `token`. version: of
    underpainting. device: of the study's config. here, path: current folder and search path for modules.
    """

    folder: str
    scratch: str
    token: str
    cluster: Cluster
    workers: int | None
    max_set_aside: float
    version: str
    device: str
    here: str
    path: tuple[str, ...]


MARKER = "marker"
