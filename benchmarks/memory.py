"""Whether a study's peak memory grows with its pictures.

`python -m benchmarks.memory`: two studies by a tiny random pipeline, each in a process of its own, report
included. At equal steps, whatever there is one of for every picture (picture, labels, readings, scores) is as
large as the still life's; only weights and moments, which do not grow, are smaller, so that any growth shows
more than it would there. Five steps keep it affordable; `--steps 15` is the strict measurement.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from benchmarks.tiny import numbered, tiny_study
from underpainting.cli._screen import table
from underpainting.screen import quiet_libraries
from underpainting.study.request.config import StudyConfig
from underpainting.study.study import create_study


def measure(few: int = 100, many: int = 1000, steps: int = 5) -> dict[str, float]:
    """Measure memory_growth from `few` to `many` pictures, `steps` denoising steps each."""
    quiet_libraries()
    peaks, shown = {}, []
    with TemporaryDirectory() as name:
        folder = Path(name)
        config = tiny_study(folder, steps)
        for pictures in (few, many):
            start = time.perf_counter()
            peaks[pictures] = peak(folder / f"study-{pictures}", config, pictures)
            shown.append([pictures, steps, peaks[pictures] / 1e6, time.perf_counter() - start])
    table(["pictures (tiny random pipeline)", "steps", "peak MB", "s"], shown)
    growth = peaks[many] / peaks[few]
    print(f"growth {growth:.3f}, {(peaks[many] - peaks[few]) / (many - few) / 1e3:.1f} kB a picture")
    return {"memory_growth": growth}


def peak(folder: Path, config: StudyConfig, pictures: int) -> int:
    """Peak bytes of a process that runs a new study of that many pictures, each of its own prompt."""
    create_study(folder, config, numbered(pictures))
    command = [sys.executable, "-m", "benchmarks.peak", str(folder)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return int(run.stdout.split()[-1])


if __name__ == "__main__":
    typer.run(measure)
