"""What a command tells the workers of a cluster about itself: plain data that any Python can read."""

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
    """A command in a study's folder, which workers may see, or not.

    root: the folder that the command writes in. inner: the place of that in a worker's copy of the study.
    scratch: a folder within it that holds the file `MARKER` of the text `token`. load: what workers load, a
    pickled `makers.Load`. version, sources: of underpainting, and of its files (see `actor.sources`). device:
    of the study's config. here, path: current folder and search path for modules.
    """

    folder: str
    root: str
    inner: str
    scratch: str
    token: str
    cluster: Cluster
    workers: int | None
    load: bytes
    version: str
    sources: str
    device: str
    here: str
    path: tuple[str, ...]


MARKER, OUTSIDE = "marker", "outside"
"""A file of `scratch`, and `inner` where `root` does not lie in the study's folder."""
