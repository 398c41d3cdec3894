"""How much faster two worker processes, here or by Ray, make a study than one, of one thread each.

`python -m benchmarks.workers`: the still life's study of some of its prompts, whole, start-up included.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from benchmarks.timing import seconds
from underpainting.cli._screen import table

CLI = (sys.executable, "-m", "underpainting.cli")


WAYS = {
    "one": ["--workers", "1"],
    "two": ["--workers", "2"],
    "ray": ["--workers", "2", "--on", "ray"],
}
"""Options of `run` by way: the last begins a cluster of this machine alone."""


def commands(folder: Path, way: str, pictures: int) -> tuple[list[str], list[str]]:
    """What makes the study, and what runs it."""
    init = ["init", str(folder), "--prompts", "stilllife", "--limit", str(pictures), "--guidance-scale", "3"]
    sizes = ["--set", "run.batch_size=4", "--set", "run.shard_size=4"]
    return [*init, *sizes], ["run", str(folder), *WAYS[way], "--threads", "1"]


def measure(pictures: int = 240) -> dict[str, float]:
    """Measure two_workers_speedup, and the same by Ray."""
    walls, shown = {}, []
    with TemporaryDirectory() as name:
        for way in WAYS:
            init, run = commands(Path(name) / way, way, pictures)
            subprocess.run([*CLI, *init], check=True, stdout=subprocess.DEVNULL)
            walls[way] = seconds(
                lambda run=run: subprocess.run([*CLI, *run], check=True, stdout=subprocess.DEVNULL)
            )
            shown.append([way, walls[way], walls[way] / pictures])
            print(f"{way}: {walls[way]:.1f} s", flush=True)
        scores = {(Path(name) / way / "scores.parquet").read_bytes() for way in WAYS}
    table(["workers of one thread", "s", "s a picture"], shown)
    print(f"scores of all: {'the same bytes' if len(scores) == 1 else 'OTHER BYTES'}")
    return {
        "two_workers_speedup": walls["one"] / walls["two"],
        "two_ray_workers_speedup": walls["one"] / walls["ray"],
    }


if __name__ == "__main__":
    typer.run(measure)
