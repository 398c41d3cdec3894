"""How much faster two worker processes make a study than one, of one thread each.

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


def commands(folder: Path, workers: int, pictures: int) -> tuple[list[str], list[str]]:
    """What makes the study, and what runs it."""
    init = ["init", str(folder), "--prompts", "stilllife", "--limit", str(pictures), "--guidance-scale", "3"]
    sizes = ["--set", "run.batch_size=4", "--set", "run.shard_size=4"]
    return [*init, *sizes], ["run", str(folder), "--workers", str(workers), "--threads", "1"]


def measure(pictures: int = 240) -> dict[str, float]:
    """Measure two_workers_speedup."""
    walls, shown = {}, []
    with TemporaryDirectory() as name:
        for workers in (1, 2):
            init, run = commands(Path(name) / str(workers), workers, pictures)
            subprocess.run([*CLI, *init], check=True)
            walls[workers] = seconds(
                lambda run=run: subprocess.run([*CLI, *run], check=True, stdout=subprocess.DEVNULL)
            )
            shown.append([workers, walls[workers], walls[workers] / pictures])
        scores = [(Path(name) / str(workers) / "scores.parquet").read_bytes() for workers in (1, 2)]
    table(["workers of one thread", "s", "s a picture"], shown)
    print(f"scores of both: {'the same bytes' if scores[0] == scores[1] else 'OTHER BYTES'}")
    return {"two_workers_speedup": walls[1] / walls[2]}


if __name__ == "__main__":
    typer.run(measure)
