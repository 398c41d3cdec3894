"""A worker on a machine of a cluster: it makes shards in a folder of its own."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any

import torch
from tqdm import tqdm

from underpainting.errors import UnderpaintingError, reason
from underpainting.progress import Progress
from underpainting.records import only_run
from underpainting.screen import quiet_libraries
from underpainting.study.cluster.job import MARKER
from underpainting.study.cluster.parcels import Parcel, pack, unpack
from underpainting.study.environment import Loaded, load_trusted, record_environment
from underpainting.study.phases import make_shard
from underpainting.study.study import open_study
from underpainting.study.work import Work

PREFIX = "underpainting-worker-"
PAUSES = (0.5, 1, 2, 4, 8, 15)  # seconds in which a network's file system shows what another machine wrote
Answer = dict[str, Any]


class Hand:
    """A worker's folder, with links to what it needs of the study's where it sees that, else with copies."""

    def __init__(self, job: Mapping[str, Any], host: str) -> None:
        """host: what this machine is called."""
        self._job, self._host = job, host
        self._folder, self._scratch = Path(job["folder"]), Path(job["scratch"])
        self._held = ExitStack()
        self._brought: set[str] = set()

    def begin(self, base: Parcel, threads: int) -> Answer:
        """Load what the study names. The answer says whether its folder is seen here, and on which device."""
        torch.set_num_threads(threads)
        quiet_libraries()
        tqdm.set_lock(threading.RLock())
        return self._told(lambda: self._begin(base))

    def make(self, number: int, split: str, names: Sequence[str], parcel: list[Any]) -> Answer:
        """Make a shard. The answer says in which folder it lies, or holds it as a parcel."""
        return self._told(lambda: self._make(number, split, names, parcel))

    def end(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._home, ignore_errors=True)
        self._held.close()

    def _begin(self, base: Parcel) -> Answer:
        self._sees = sees(self._job, self._host) and self._may_write()
        unpack(base, self._home)
        assert self._loaded
        return {"host": self._host, "sees": self._sees}

    def _make(self, number: int, split: str, names: Sequence[str], parcel: list[Any]) -> Answer:
        if split not in self._brought:
            self._bring(names, parcel)
            self._brought.add(split)
        work, notes = self._work
        study = work.study
        shard, part = study.shards[number], study.part_file(number)
        make_shard(work, shard)
        made = [study.shard_folder(number), part, part.with_name(f"{part.name}.sha256")]
        if not self._sees:
            packed = pack(self._home, made)
            for path in made:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            return {"parcel": packed, "notes": notes}
        apart = self._scratch / f"{self._home.name}-{number}"
        for path in made:
            if path.exists():
                (target := apart / path.relative_to(self._home)).parent.mkdir(parents=True, exist_ok=True)
                path.rename(target)
        return {"folder": str(apart), "notes": notes}

    def _bring(self, names: Sequence[str], parcel: list[Any]) -> None:
        """Have what a phase needs of the study in this worker's folder."""
        if not self._sees:
            import ray

            unpack(ray.get(parcel[0]), self._home)
            return
        for name in names:
            await_path(self._folder / name, self._host)
            if not (link := self._home / name).exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(self._folder / name)

    def _may_write(self) -> bool:
        try:
            (self._scratch / f"{self._host}-{os.getpid()}").mkdir()
        except OSError:
            return False
        return True

    @cached_property
    def _home(self) -> Path:
        if self._sees:
            return self._scratch / f"{self._host}-{os.getpid()}"
        temporary = Path(gettempdir())
        for left in temporary.glob(f"{PREFIX}*"):  # of workers that were killed, which hold it no more
            with suppress(OSError, UnderpaintingError), only_run(left):
                shutil.rmtree(left)
        made = Path(mkdtemp(prefix=f".{PREFIX}"))
        self._held.enter_context(only_run(made))
        return made.rename(made.with_name(made.name[1:]))

    @cached_property
    def _loaded(self) -> Loaded:
        return load_trusted(open_study(self._home))

    @cached_property
    def _work(self) -> tuple[Work, list[str]]:
        """The worker's own work, asked for when the run has recorded its environment; what differs here."""
        study = open_study(self._home)
        notes = record_environment(study, self._loaded)
        return Work(study, self._loaded, self._job["max_set_aside"], Progress()), notes

    def _told(self, do: Callable[[], Answer]) -> Answer:
        try:
            return do()
        except UnderpaintingError as error:
            line = str(error)
            for home in (self._scratch / f"{self._host}-{os.getpid()}", self.__dict__.get("_home")):
                line = line.replace(str(home), str(self._folder)) if home else line
            return {"failed": f"on {self._host}: {line}"}
        except (MemoryError, torch.OutOfMemoryError) as error:
            return {"failed": f"{self._host} ran out of memory ({reason(error)})", "memory": True}


def sees(job: Mapping[str, Any], host: str) -> bool:
    """Whether the study's folder is seen here, by a file that the run has put into it.

    Raises UnderpaintingError where another study's folder lies at its path.
    """
    marker, study = Path(job["scratch"]) / MARKER, Path(job["folder"]) / "study.toml"
    for pause in (*PAUSES[:4], 0):
        with suppress(OSError, ValueError):
            if marker.read_text(encoding="utf-8") == job["token"]:
                return True
        if not os.path.lexists(study):
            return False
        time.sleep(pause)
    raise UnderpaintingError(
        f"another study lies at {job['folder']} than on the machine of the run; mount the same folder there "
        "on all machines, or none"
    )


def await_path(path: Path, host: str) -> None:
    """Wait until a file system shows what another machine has written. Raises UnderpaintingError if not."""
    for pause in (*PAUSES, 0):
        if path.exists():
            return
        time.sleep(pause)
    raise UnderpaintingError(f"{path} is not seen on {host}, though its folder is; check the shared disk")
