"""How much faster two worker processes, here or by Ray, make a study than one, of one thread each.

`python -m benchmarks.workers`: the still life's study of some of its prompts, whole, start-up included.
Beside it, what the machine gives at most: two processes of the bare pipeline, which share nothing, over one.
"""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch
import typer

from benchmarks.subject import bare, batches, rows, still_life
from benchmarks.timing import seconds
from underpainting.cli._screen import table

CLI = (sys.executable, "-m", "underpainting.cli")
BATCH, ROUNDS = 6, 3
WAYS = {
    "one": ["--workers", "1"],
    "two": ["--workers", "2"],
    "ray": ["--workers", "2", "--on", "ray"],
}
"""Options of `run` by way: the last begins a cluster of this machine alone."""

LOADING = "loading"
PHASES = (
    "fit pictures",
    "calibrate pictures",
    "choosing probes",
    "test pictures",
    "gathering scores",
    "emergence and leads",
    "writing the report",
)
COLUMNS = ("workers of one thread", "s", LOADING, *PHASES)


def commands(folder: Path, way: str, pictures: int) -> tuple[list[str], list[str]]:
    """What makes the study, and what runs it."""
    init = ["init", str(folder), "--prompts", "stilllife", "--limit", str(pictures), "--guidance-scale", "3"]
    sizes = ["--set", f"run.batch_size={BATCH}", "--set", f"run.shard_size={BATCH}"]
    return [*init, *sizes], ["run", str(folder), *WAYS[way], "--threads", "1"]


def measure(pictures: int = 240) -> dict[str, float]:
    """Measure two_workers_speedup, two_ray_workers_speedup and two_processes_speedup."""
    walls, spent = {}, {}
    with TemporaryDirectory() as name:
        for way in WAYS:
            init, run = commands(Path(name) / way, way, pictures)
            subprocess.run([*CLI, *init], check=True, stdout=subprocess.DEVNULL)
            spent[way] = phases(run)
            walls[way] = sum(spent[way].values())
            print(f"{way}: {walls[way]:.1f} s", flush=True)
        scores = {(Path(name) / way / "scores.parquet").read_bytes() for way in WAYS}
    rows_of = [[way, walls[way], *(spent[way].get(name) for name in COLUMNS[2:])] for way in WAYS]
    table(COLUMNS, rows_of)
    print(f"scores of all: {'the same bytes' if len(scores) == 1 else 'OTHER BYTES'}")
    rounds = [(at_once(1), at_once(2)) for _ in range(ROUNDS)]
    table(["one process of the bare pipeline, s", "two at once, s of the slower"], rounds)
    return {
        "two_workers_speedup": walls["one"] / walls["two"],
        "two_ray_workers_speedup": walls["one"] / walls["ray"],
        "two_processes_speedup": median(2 * alone / both for alone, both in rounds),
    }


def phases(run: list[str]) -> dict[str, float]:
    """Seconds of each phase that a run tells of, from its start to its end."""
    spent, phase, begun = dict[str, float](), LOADING, time.perf_counter()

    def end() -> None:
        spent[phase] = spent.get(phase, 0) + time.perf_counter() - begun

    with subprocess.Popen(
        [*CLI, *run], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr or ():
            name = line.removeprefix("underpainting: ").partition(":")[0].strip()
            if name in PHASES:
                end()
                phase, begun = name, time.perf_counter()
        process.wait()
        end()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, run)
    return spent


def at_once(processes: int, pictures: int = 24) -> float:
    """Seconds in which so many processes of one thread, begun at once, each make pictures; the slowest's."""
    spawn = multiprocessing.get_context("spawn")
    begin, told = spawn.Barrier(processes), spawn.SimpleQueue()
    started = [spawn.Process(target=_make_bare, args=(pictures, begin, told)) for _ in range(processes)]
    for process in started:
        process.start()
    taken = [told.get() for _ in started]
    for process in started:
        process.join()
    return max(taken)


def _make_bare(pictures: int, begin: Any, told: Any) -> None:
    torch.set_num_threads(1)
    loaded = still_life()
    bare(loaded, rows(BATCH))
    begin.wait()
    told.put(seconds(lambda: [bare(loaded, some) for some in batches(rows(pictures), BATCH)]))


if __name__ == "__main__":
    typer.run(measure)
