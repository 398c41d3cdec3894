"""Wall times, taken so that a drifting machine touches both sides alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

Job = Callable[[], object]


def seconds(job: Job) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def interleaved(jobs: Mapping[str, Job], repeats: int) -> dict[str, list[float]]:
    """Seconds of every job in every repeat, after one call of each that does not count.

    Each repeat runs all jobs, and begins with another one than the repeat before.
    """
    names = list(jobs)
    for job in jobs.values():
        job()
    times: dict[str, list[float]] = {name: [] for name in names}
    for repeat in range(repeats):
        turn = repeat % len(names)
        for name in names[turn:] + names[:turn]:
            times[name].append(seconds(jobs[name]))
    return times


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Median over repeats of one job's time over the other's in the same repeat."""
    return median(a / b for a, b in zip(above, below, strict=True))
