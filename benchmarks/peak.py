"""`python -m benchmarks.peak STUDY`: run a study in this process; its last line is the peak in bytes."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import typer

from underpainting import workflow
from underpainting.screen import quiet_libraries


def peak_bytes() -> int:
    """Most memory that this process had resident at once.

    From Linux's own mark where there is one: `getrusage` would count what a parent held before it started us.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def main(study: Path) -> None:
    """Run a study, with its report, and print the peak."""
    quiet_libraries()
    workflow.run(study)
    print(peak_bytes())


if __name__ == "__main__":
    typer.run(main)
