"""Threads: as many as the CPUs that are given, and waiting that leaves those to others.

torch is imported late: how threads wait is read from the environment when torch's OpenMP is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_asked: list[int] = []
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def wait_passively() -> None:
    """Let threads sleep while they wait for each other, unless the environment says how they wait.

    A thread that spins takes the CPU from the very thread that it waits for, where others are at work beside.
    It is of use only before torch is imported, here and in processes that are started from here.
    """
    if not any(name in os.environ for name in WAITING):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


def ask_for(threads: int | None) -> None:
    """Have everything from here on compute with so many threads, whatever else would be taken."""
    _asked[:] = [threads] if threads else []


def set_threads(kept: int | None = None, workers: int = 1) -> None:
    """Compute with the threads that were asked for; else with those kept; else with the CPUs that are given.

    kept: of an earlier run. workers: processes that share the CPUs out among them. By itself torch may take
    fewer threads than there are CPUs, and that stays so.
    """
    import torch

    given = min(torch.get_num_threads(), given_cpus())
    torch.set_num_threads(next(iter(_asked), kept) or max(1, given // workers))


def given_cpus(root: Path = Path("/")) -> int:
    """Whole CPUs that this process may use, at least 1: by its affinity, and its cgroups' quotas (v1 and v2).

    root: where `proc` and `sys` are.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min([usable, *_quotas(root)])))


def _quotas(root: Path) -> Iterator[float]:
    """CPUs' worth of time in a cgroup of this process and in those around it, where there is a limit."""
    try:
        listed = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in listed:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        own = top / path.lstrip("/")
        for group in (own, *own.parents[: len(own.parts) - len(top.parts)]):
            try:
                if controllers:
                    quota, period = ((group / f"cpu.cfs_{of}_us").read_text() for of in ("quota", "period"))
                else:
                    quota, period = (group / "cpu.max").read_text().split()
                if quota != "max" and float(quota) > 0:
                    yield float(quota) / float(period)
            except (OSError, ValueError):
                continue  # a container sees only its own group, at the top
