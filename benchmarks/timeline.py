"""How long a study takes on many workers, by a simulation of who makes and who folds what, when.

`python -m benchmarks.timeline` first measures here how fast moments are read, added and written (or takes
that from `--rate`, in GB a second). It prints what a study of a million pictures costs on SDXL and on a
transformer of FLUX.1's size, plays their fit pictures with 1 to 1,024 workers, and prints the share of the
workers' time in which pictures are made, by how totals are folded. Pictures cost what `benchmarks.gpu`
measured on an H200 (SDXL), or as many operations at the same rate.
"""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import typer

from underpainting.cli._screen import table
from underpainting.probes import Moments, load_sums, moments_bytes, save_sums
from underpainting.study.estimate import BYTES_OF_PNG_PIXEL
from underpainting.study.kept.totals import totals_bytes
from underpainting.vocabulary import ProbeLayer

ALL, FIT = 1_000_000, 600_000  # pictures, and those that are fitted to
PROPERTIES = 3  # each has a shuffled twin
PIXELS, LABELS = 1024**2, 9  # of a picture; bytes of a pixel's labels, one of them binary
SHARDS = (32, 1000)  # pictures of a shard
SPREAD = 0.05  # of the logarithm of a shard's time
WORKERS = (1, 4, 16, 64, 256, 1024)
CHANNELS, PLACES = 1280, 8  # of the moments whose reading and writing is measured


@dataclass(frozen=True)
class Job:
    """A study as its timeline sees it: the layers that it watches, in one branch.

    seconds: of a picture, moments included.
    """

    name: str
    layers: tuple[ProbeLayer, ...]
    steps: int
    seconds: float

    @property
    def totals(self) -> int:
        """Bytes of the moments and token means of all layers and steps."""
        return totals_bytes(self.layers, self.steps, PROPERTIES)[0]

    @property
    def moments(self) -> int:
        """Bytes of the moments alone."""
        return totals_bytes(self.layers, self.steps, PROPERTIES)[1]


SDXL = Job(
    "SDXL, 30 steps",
    (ProbeLayer("wide", (64, 64), 640),) * 10 + (ProbeLayer("deep", (32, 32), 1280),) * 60,
    30,
    1.9 / 40 * 30,
)
TRANSFORMER = Job("12 billion parameters, 28 steps", (ProbeLayer("block", (64, 64), 3072),) * 57, 28, 13.4)
"""11 s of the network: 12e9 x 2 operations x 4,608 tokens x 28 steps, at the 3e14 a second that SDXL reached.
2.4 s of moments: 57 layers x 4,096 tokens x 3,078 squared x 2 operations x 28 steps, at 3.5e13 a second."""


def makespan(made: list[float], workers: int, fold: float, *, ways: int = 1, group: int = 1) -> float:
    """Seconds until the last shard is folded.

    made: seconds to make each shard. A free worker takes the next shard. Shards are folded in order, each for
    ``fold`` seconds over ``ways`` processes that have a share of the layers each. With a ``group``, so many
    neighbouring shards are folded by themselves, beside other groups, and then the groups in order.
    """
    free, done = [0.0] * workers, []
    for seconds in made:
        done.append(free[0] + seconds)
        heapq.heapreplace(free, done[-1])
    if group > 1:
        done = [in_order(done[i : i + group], fold / ways) for i in range(0, len(done), group)]
    return in_order(done, fold / ways)


def in_order(ready: list[float], fold: float) -> float:
    """When the last of some sums is folded, each for so many seconds and after the one before it."""
    folded = 0.0
    for when in ready:
        folded = max(folded, when) + fold
    return folded


def shares(job: Job, size: int, rate: float, **how: int) -> list[float]:
    """By number of workers, the share of their time in which pictures are made, with shards of a size."""
    draw = random.Random(0)
    made = [job.seconds * size * draw.lognormvariate(-(SPREAD**2) / 2, SPREAD) for _ in range(0, FIT, size)]
    return [sum(made) / (count * makespan(made, count, job.totals / rate, **how)) for count in WORKERS]


def folding_rate(rounds: int = 5) -> float:
    """Bytes of moments a second that are read, added to others and written on this machine, at best."""
    targets = 2 * PROPERTIES
    totals = {str(i): Moments(CHANNELS, targets) for i in range(PLACES)}
    for sums in totals.values():
        sums.update(torch.randn(CHANNELS, CHANNELS), torch.randn(CHANNELS, targets))
    with TemporaryDirectory() as name:
        path = Path(name) / "moments.safetensors"
        save_sums(path, totals)
        took = []
        for _ in range(rounds):
            began = time.perf_counter()
            for key, sums in load_sums(path)[0].items():
                assert isinstance(sums, Moments)
                totals[key].merge(sums)
            save_sums(path, totals)
            took.append(time.perf_counter() - began)
    return PLACES * moments_bytes(CHANNELS, targets) / min(took)


def measure(rate: float | None = None) -> dict[str, float]:
    """Prints the tables; timeline_* are the shares on 64 and 1,024 workers, folded as a study folds.

    rate: GB a second at which totals are read, added and written; measured where none is given.
    """
    rate = rate * 1e9 if rate else folding_rate()
    print(f"moments are read, added and written at {rate / 1e9:.2f} GB/s")
    jobs = {"sdxl": SDXL, "transformer": TRANSFORMER}
    table(["a million pictures", *(job.name for job in jobs.values())], costs(*jobs.values()))
    found, rows = {"timeline_fold_gb_per_second": rate / 1e9}, []
    for key, job in jobs.items():
        how = {
            "shards of 32, folded in order": shares(job, 32, rate),
            "shards of 1,000": shares(job, 1000, rate),
            "shards of 1,000 in groups of 25": shares(job, 1000, rate, group=25),
            "the same, layers over 16 processes": shares(job, 1000, rate, group=25, ways=16),
        }
        rows += [[job.name, name, *row] for name, row in how.items()]
        first = how["shards of 32, folded in order"]
        found |= {f"timeline_{key}_{count}": first[WORKERS.index(count)] for count in (64, 1024)}
    table(["network", "workers", *(f"{count:,}" for count in WORKERS)], rows)
    return found


def costs(*jobs: Job) -> list[list[str]]:
    """What a study of a million pictures takes, a row a quantity with a value a job."""
    gb, tb = 1e9, 1e12
    rows: list[tuple[str, Callable[[Job], float], int]] = [
        ("layers watched", lambda job: len(job.layers), 0),
        ("most channels", lambda job: max(layer.channels for layer in job.layers), 0),
        ("evaluations of the network, million", lambda job: ALL * job.steps / 1e6, 0),
        ("seconds a picture, moments included", lambda job: job.seconds, 1),
        ("GPU hours", lambda job: ALL * job.seconds / 3600, 0),
        ("totals of all layers and steps, in float64, GB", lambda job: job.totals / gb, 1),
        ("of these, moments, GB", lambda job: job.moments / gb, 1),
    ]
    for size in SHARDS:
        of = f"with shards of {size:,} pictures"
        rows += [
            (f"{of}: totals that workers write, TB", lambda job, n=size: FIT / n * job.totals / tb, 0),
            (f"{of}: each of them, MB a second", lambda job, n=size: job.totals / n / job.seconds / 1e6, 0),
            (f"{of}: minutes a shard", lambda job, n=size: n * job.seconds / 60, 1),
        ]
    stay = ALL * PIXELS * (BYTES_OF_PNG_PIXEL + LABELS) / tb
    rows.append(("pictures and labels that stay on disk, TB", lambda job: stay, 1))
    return [[name, *(f"{value(job):,.{digits}f}" for job in jobs)] for name, value, digits in rows]


def main(rate: float | None = None) -> None:
    """The tables alone."""
    measure(rate)


if __name__ == "__main__":
    typer.run(main)
