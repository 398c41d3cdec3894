"""How long `underpainting demo` takes in a fresh folder, from the shell's point of view.

`python -m benchmarks.demo`: the command itself, in its own process, start-up and report included.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from benchmarks.timing import seconds
from underpainting.cli._screen import table


def measure() -> dict[str, float]:
    """Measure demo_seconds; the study is thrown away."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "demo"
        command = [sys.executable, "-m", "underpainting.cli", "demo", str(folder)]
        wall = seconds(lambda: subprocess.run(command, check=True))
        pictures = len(list(folder.glob("shards/*/images/*.png")))
    table(["underpainting demo", "s", "s a picture"], [[f"{pictures} pictures", wall, wall / pictures]])
    return {"demo_seconds": wall, "demo_pictures": pictures}


if __name__ == "__main__":
    typer.run(measure)
