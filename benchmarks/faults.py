"""What becomes of a study that is killed, damaged, or left without a disk to write to.

`python -m benchmarks.faults`: a tiny study is disturbed again and again, and gone on with each time; what it
ends with is compared, file by file, with one that nothing happened to. Filling a disk takes root, for a small
tmpfs; without, that row says so.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from benchmarks.tiny import numbered, tiny_study
from underpainting.cli._screen import table
from underpainting.errors import UnderpaintingError
from underpainting.records import CHECKSUMS, atomic_folder
from underpainting.screen import quiet_libraries
from underpainting.study.damage import find_damage
from underpainting.study.request.config import StudyConfig
from underpainting.study.run import run_study
from underpainting.study.study import StudyFolder, create_study, open_study
from underpainting.threads import ask_for

SEED = 7
DAY = "1790000000"  # seconds: studies of one day, also around midnight
SAME, OTHER = "same bytes", "OTHER BYTES"
UNTOUCHABLE = ("study.toml", "prompts.parquet", "environment.json")  # swapped with nothing
Contents = dict[str, bytes]


def measure(kills: int = 50) -> dict[str, float]:
    """Disturb studies in every way; count how often the result was as if nothing had happened."""
    quiet_libraries()
    with TemporaryDirectory() as name:
        folder = Path(name)
        config = tiny_config(folder)
        whole, seconds = undisturbed(folder / "whole", config)
        rng = random.Random(SEED)
        outcomes = {
            "SIGKILL at a random moment": [
                killed(folder / f"killed-{i}", config, whole, rng.uniform(0, seconds)) for i in range(kills)
            ],
            "a worker killed": [worker_killed(folder / f"worker-{i}", config) for i in range(3)],
            "two runs at once, the first killed": [two_runs(folder / "two", config, whole)],
            **{
                f"a file {what.__name__}": [
                    damaged(folder / "whole", path, what, whole) for path in damageable(whole)
                ]
                for what in (truncated, flipped, swapped)
            },
            "disk full": list(disk_full(folder / "full", config, whole, rng)),
            "disk read-only": list(read_only(folder / "read-only", config, whole)),
        }
    shown = [
        [fault, len(of), "; ".join(f"{of.count(x)} {x}" for x in dict.fromkeys(of))]
        for fault, of in outcomes.items()
    ]
    table(["fault", "times", "outcome"], shown)
    tried = [x for of in outcomes.values() for x in of if not x.startswith("not tried")]
    return {"faults_tried": len(tried), "faults_survived": sum(not x.startswith(OTHER) for x in tried)}


def tiny_config(folder: Path) -> StudyConfig:
    """Settings of a study of seconds; its model and estimator are written to a folder."""
    return tiny_study(
        folder,
        steps=3,
        watch={"layers": ["down.0.0", "mid.0", "up.3.0"]},
        run={"batch_size": 2, "shard_size": 4, "device": "cpu", "gallery": 2},
    )


def new_study(folder: Path, config: StudyConfig) -> StudyFolder:
    """A study of six shards of four pictures."""
    return create_study(folder, config, numbered(24))


def contents(folder: Path) -> Contents:
    """Every file of a study."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def start(folder: Path, workers: int = 1) -> BaseProcess:
    """Go on with a study in a process of its own, which has imported everything already; one thread each."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["diffusers", "transformers", "underpainting.study.run"])
    process = context.Process(target=_run, args=(folder, workers))
    process.start()
    return process


def _run(folder: Path, workers: int) -> None:
    os.environ["SOURCE_DATE_EPOCH"] = DAY
    quiet_libraries()
    ask_for(1)
    try:
        run_study(open_study(folder), workers=workers)
    except UnderpaintingError as error:
        print(f"  {str(error).replace(f'{folder.parent}/', '')}", flush=True)
        os._exit(2)


def finish(folder: Path) -> int:
    """Go on with a study to its end; the exit code."""
    process = start(folder)
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def compared(folder: Path, whole: Contents) -> str:
    """Whether a study ended as it should."""
    found = contents(folder)
    differing = [name for name in {**whole, **found} if found.get(name) != whole.get(name)]
    return SAME if not differing else f"{OTHER} ({', '.join(differing[:3])})"


def undisturbed(folder: Path, config: StudyConfig) -> tuple[Contents, float]:
    """A study that nothing happens to: its files, and its seconds after the first shard."""
    new_study(folder, config)
    process = start(folder)
    wait_for_shard(folder, process)
    begun = time.monotonic()
    process.join()
    return contents(folder), time.monotonic() - begun


def wait_for_shard(folder: Path, process: BaseProcess) -> None:
    """Wait until the first shard is whole."""
    while process.is_alive() and not list(folder.glob("shards/0*")):
        time.sleep(0.002)


def killed(folder: Path, config: StudyConfig, whole: Contents, after: float) -> str:
    """Kill a run `after` seconds from its first shard; go on; whole shards must not be made again."""
    study = new_study(folder, config)
    process = start(folder)
    wait_for_shard(folder, process)
    process.join(after)
    process.kill()
    process.join()
    made = {
        p: p.stat().st_ino for p in (study.shard_folder(shard.number) for shard in study.shards) if p.exists()
    }
    finish(folder)
    again = sum(path.stat().st_ino != inode for path, inode in made.items())
    outcome = compared(folder, whole)
    shutil.rmtree(folder)
    return outcome if not again else f"{OTHER} ({again} shards made again)"


def worker_killed(folder: Path, config: StudyConfig) -> str:
    """Kill one of two workers; compare with one worker."""
    alone = folder.with_name(f"{folder.name}-alone")
    new_study(alone, config)
    start(alone).join()
    new_study(folder, config)
    process = start(folder, workers=2)
    wait_for_shard(folder, process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)
    process.join()
    return compared(folder, contents(alone))


def two_runs(folder: Path, config: StudyConfig, whole: Contents) -> str:
    """A second run beside a first must leave; after the first is killed, another must not be kept out."""
    new_study(folder, config)
    first = start(folder)
    wait_for_shard(folder, first)
    second = finish(folder)
    first.kill()
    first.join()
    if second != 2:
        return f"{OTHER} (the second run ended with {second})"
    finish(folder)
    return f"second refused, then {compared(folder, whole)}"


def truncated(path: Path, other: Path) -> None:
    """Cut a file's end off."""
    path.write_bytes(path.read_bytes()[:-1])


def flipped(path: Path, other: Path) -> None:
    """Flip a bit in a file's middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def swapped(path: Path, other: Path) -> None:
    """Exchange a file with another."""
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)


@contextmanager
def rewriting(folder: Path, origin: str) -> Iterator[Path]:
    """Give a folder with checksums to write to, and check it in anew as of that origin."""
    old = folder.rename(folder.with_name(f".{folder.name}"))
    with atomic_folder(folder, origin) as temporary:
        shutil.copytree(old, temporary, dirs_exist_ok=True)
        (temporary / CHECKSUMS).unlink()
        yield temporary
    shutil.rmtree(old)


def damageable(whole: Contents) -> list[str]:
    """Every kind of file in a study, one each."""
    kinds: dict[tuple[str, ...], str] = {}
    for name in whole:
        parts = tuple(part for part in Path(name).parts if not part.isdigit())
        kinds.setdefault((*parts[:-1], Path(name).suffix) if "images" in parts else parts, name)
    return list(kinds.values())


def damaged(folder: Path, name: str, damage: Callable[[Path, Path], None], whole: Contents) -> str:
    """Damage a file of a finished study; it must be found, and made again or refused; then put it back."""
    path = folder / name
    others = [n for n in whole if Path(n).suffix == path.suffix and whole[n] != whole[name]]
    others = [n for n in others if not n.startswith(UNTOUCHABLE)] or ["scores.parquet"]
    damage(path, folder / others[-1])
    try:
        found = find_damage(open_study(folder))
        outcome = f"{OTHER} ({name} was not found out)"
        if name == "study.toml":  # it may be edited; another setting would have been refused
            outcome = "same settings"
    except UnderpaintingError:
        found, outcome = [], "refused"
    if not found:
        for changed in (name, others[-1]):
            (folder / changed).write_bytes(whole[changed])
        return outcome
    finish(folder)
    return compared(folder, whole)


def disk_full(folder: Path, config: StudyConfig, whole: Contents, rng: random.Random) -> Iterator[str]:
    """Run on a disk that fills up at ever later moments, until it has room enough."""
    size = sum(len(data) for data in whole.values())
    for _ in range(10):
        with disk(folder, int(size * rng.uniform(0.05, 1.2))) as grow:
            if grow is None:
                yield "not tried: takes root"
                return
            try:
                new_study(folder / "study", config)
                code = finish(folder / "study")
            except UnderpaintingError:
                yield "refused"
                continue
            if code == 2:
                grow(4 * size)
                finish(folder / "study")
            yield compared(folder / "study", whole) if code in (0, 2) else f"{OTHER} (ended with {code})"


def read_only(folder: Path, config: StudyConfig, whole: Contents) -> Iterator[str]:
    """Run on a disk that may not be written to, then on the same one again when it may."""
    with disk(folder, 1 << 30) as grow:
        if grow is None:
            yield "not tried: takes root"
            return
        new_study(folder / "study", config)
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        code = finish(folder / "study")
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        finish(folder / "study")
        same = compared(folder / "study", whole)
        yield f"refused, then {same}" if code == 2 else f"{OTHER} (ended with {code})"


@contextmanager
def disk(folder: Path, size: int) -> Iterator[Callable[[int], None] | None]:
    """A small disk of its own in a folder, and how to let it grow; None where this user may not have one."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        yield None
        return

    def grow(larger: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={larger}", str(folder)], check=True)

    try:
        yield grow
    finally:
        subprocess.run(["umount", str(folder)], check=True)


if __name__ == "__main__":
    typer.run(measure)
