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


def measure(pictures: int = 160) -> dict[str, float]:
    """Measure two_workers_speedup."""
    walls, shown = {}, []
    with TemporaryDirectory() as name:
        for workers in (1, 2):
            folder = Path(name) / str(workers)
            init = ["init", str(folder), "--prompts", "stilllife", "--limit", str(pictures)]
            options = ["--guidance-scale", "3", "--batch-size", "4", "--shard-size", "4"]
            subprocess.run([*CLI, *init, *options], check=True)
            run = [*CLI, "run", str(folder), "--workers", str(workers), "--threads", "1"]
            walls[workers] = seconds(
                lambda run=run: subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
            )
            shown.append([workers, walls[workers], walls[workers] / pictures])
        scores = [(Path(name) / str(workers) / "scores.parquet").read_bytes() for workers in (1, 2)]
    table(["workers of one thread", "s", "s a picture"], shown)
    print(f"scores of both: {'the same bytes' if scores[0] == scores[1] else 'OTHER BYTES'}")
    return {"two_workers_speedup": walls[1] / walls[2]}


if __name__ == "__main__":
    typer.run(measure)
