"""What threads cost: a study and an edited picture, alone and with two busy jobs beside them.

`python -m benchmarks.threads`: as the commands choose threads and wait, with one thread, and with as many as
torch takes by itself that spin as long as libgomp has them spin where nothing says otherwise.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from underpainting.cli._screen import table
from underpainting.threads import WAITING, given_cpus

CLI = (sys.executable, "-m", "underpainting.cli")
BUSY = (sys.executable, "-c", "while True: pass")
MINE, ONE, SPINNING = "as chosen", "one thread", "spinning"
BESIDE = {"idle": 0, "busy": 2}


@dataclass(frozen=True)
class Cost:
    """CPU and wall seconds of a command, its children's included; the load average before it."""

    cpu: float
    wall: float
    load: float


def measure(pictures: int = 24, steps: int = 4) -> dict[str, float]:
    """Measure threads_{study,edit}_{idle,busy}_{cpu,wall}: seconds spinning over seconds as chosen."""
    plain = {name: value for name, value in os.environ.items() if name not in (*WAITING, "OMP_NUM_THREADS")}
    ways: dict[str, tuple[Mapping[str, str], Sequence[str]]] = {
        MINE: (plain, ()),
        ONE: (plain, ("--threads", "1")),
        SPINNING: ({**plain, "GOMP_SPINCOUNT": "300000"}, ("--threads", str(given_cpus()))),
    }
    costs: dict[tuple[str, str, str], Cost] = {}
    with TemporaryDirectory() as name:
        made = Path(name) / "made"
        init = ("init", str(made), "--prompts", "stilllife", "--limit", str(pictures), "--steps", str(steps))
        subprocess.run([*CLI, *init, "--guidance-scale", "3"], check=True)
        for beside, jobs in BESIDE.items():
            for way, (environment, options) in ways.items():
                folder = Path(name) / beside / way
                shutil.copytree(made, folder)
                edit = ["intervene", str(folder), "--prompt", "a blue mug", "--move", "0.2,0.1", *options]
                with busy(jobs):
                    costs["study", beside, way] = cost(["run", str(folder), *options], environment)
                    costs["edit", beside, way] = cost(edit, environment)
    shown = []
    for (job, beside, way), of in costs.items():
        mine = costs[job, beside, MINE]
        shown.append([job, beside, way, of.cpu, of.wall, of.cpu / mine.cpu, of.wall / mine.wall, of.load])
    columns = ["job", "beside", "threads", "CPU s", "s", "CPU / as chosen", "time / as chosen", "load before"]
    table(columns, sorted(shown, key=lambda row: row[:2]))
    return {
        f"threads_{job}_{beside}_{kind}": getattr(costs[job, beside, SPINNING], kind)
        / getattr(costs[job, beside, MINE], kind)
        for job in ("study", "edit")
        for beside in BESIDE
        for kind in ("cpu", "wall")
    }


@contextmanager
def busy(jobs: int) -> Iterator[None]:
    """Keep CPUs busy with so many other processes."""
    running = [subprocess.Popen(BUSY) for _ in range(jobs)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def cost(arguments: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run a command of underpainting, and tell what it cost."""
    load, begun = os.getloadavg()[0], time.perf_counter()
    process = subprocess.Popen([*CLI, *arguments], env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    found = Cost(used.ru_utime + used.ru_stime, time.perf_counter() - begun, load)
    print(f"{arguments[0]} {Path(arguments[1]).name}: {found.cpu:.1f} CPU s, {found.wall:.1f} s", flush=True)
    return found


if __name__ == "__main__":
    typer.run(measure)
