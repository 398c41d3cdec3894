"""Whether a long run stays as it began: memory and open files, over many pictures in one process.

`python -m benchmarks.soak`: a study by a tiny random pipeline, looked at after every shard.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import typer

from benchmarks.tiny import numbered, tiny_study
from underpainting.cli._screen import table
from underpainting.progress import Progress
from underpainting.screen import quiet_libraries
from underpainting.study.run import run_study
from underpainting.study.study import create_study


class Watchman(Progress):
    """Notes resident memory and open files about every hundred pictures."""

    def __init__(self) -> None:
        """Nothing noted yet."""
        self.made, self.noted = 0.0, list[tuple[float, float, int]]()

    def advance(self, pictures: float) -> None:
        """Look every hundred pictures."""
        before, self.made = self.made, self.made + pictures
        if int(before / 100) < int(self.made / 100):
            process = psutil.Process()
            self.noted.append((self.made, process.memory_info().rss / 1e6, process.num_fds()))


def measure(pictures: int = 2000, steps: int = 2) -> dict[str, float]:
    """Measure soak_memory and soak_files: the last quarter's mean over the second quarter's."""
    quiet_libraries()
    with TemporaryDirectory() as name:
        folder = Path(name)
        study = create_study(folder / "study", tiny_study(folder, steps), numbered(pictures))
        watchman = Watchman()
        run_study(study, progress=watchman)
    table(["pictures", "MB", "open files"], [[int(n), mb, files] for n, mb, files in watchman.noted])
    quarter = len(watchman.noted) // 4
    early, late = watchman.noted[quarter : 2 * quarter], watchman.noted[-quarter:]
    memory, files = (
        sum(of[i] for of in late) / len(late) / (sum(of[i] for of in early) / len(early)) for i in (1, 2)
    )
    print(f"process {os.getpid()}: memory {memory:.3f}, open files {files:.3f} of what they were")
    return {"soak_memory": memory, "soak_files": files}


if __name__ == "__main__":
    typer.run(measure)
