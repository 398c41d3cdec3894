"""Joining a cluster: whether it is there, and how many workers it has room for."""

from __future__ import annotations

import os
import socket
from typing import Any

from underpainting.errors import UnderpaintingError, reason
from underpainting.study.cluster.job import Job

SOON = 5.0  # seconds that a connection may take


def join(ray: Any, job: Job) -> None:
    """Join the cluster. Raises UnderpaintingError where none answers, or is of another Python or Ray."""
    address = job.cluster.address
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # of a cluster that is begun here
    if address and not answers(address):
        raise UnderpaintingError(
            f"nothing answers at {address}; give the HOST:PORT that `ray start --head` printed, and check "
            "that it is reached from here"
        )
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", include_dashboard=None)
    except Exception as error:
        if "ersion mismatch" in str(error):
            raise UnderpaintingError(
                f"the cluster has another Python or Ray than this machine ({error}); install the same on all"
            ) from None
        raise UnderpaintingError(
            f"this machine cannot join {address or 'a cluster'} ({reason(error)}); make it a node by "
            f"`ray start --address={address or 'HOST:PORT'}`"
        ) from None


def room(ray: Any, job: Job) -> tuple[int, int, float]:
    """Workers, how many share a machine's CPUs, GPUs of each. Raises where there is no room for one."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = [node.get("GPU", 0.0) for node in nodes]
    each = job.cluster.gpus_per_worker
    if each is None:
        each = 1.0 if any(gpus) and job.device != "cpu" else 0.0
    places = [int(node.get("CPU", 0)) for node in nodes]
    if each:
        places = [min(cpus, int(gpu / each)) for cpus, gpu in zip(places, gpus, strict=True)]
    hosts = sum(place > 0 for place in places)
    if not hosts:
        raise UnderpaintingError(
            f"no machine of the cluster has a CPU and {each:g} GPUs (it has {sum(gpus):g} on {len(nodes)} "
            "machines); give fewer by --gpus-per-worker"
        )
    workers = job.workers or (sum(places) if each else hosts)
    return workers, -(-workers // hosts), each


def answers(address: str, seconds: float = SOON) -> bool:
    """Whether anything listens at HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=seconds).close()
    except OSError:
        return False
    return True
