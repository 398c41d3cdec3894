"""A worker on a machine of a cluster: it makes parts of a study in a folder of its own."""

from __future__ import annotations

import os
import pickle
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
from underpainting.records import only_run
from underpainting.records.seals import seal_of
from underpainting.screen import quiet_libraries
from underpainting.study.cluster.job import MARKER, OUTSIDE
from underpainting.study.cluster.parcels import Parcel, pack, unpack
from underpainting.study.makers import Maker
from underpainting.study.study import open_study

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
        self._recipe = b""

    def begin(self, base: Parcel, threads: int) -> Answer:
        """Load what the study names. The answer says whether its folder is seen here, and on which device."""
        torch.set_num_threads(threads)
        quiet_libraries()
        tqdm.set_lock(threading.RLock())
        return self._told(lambda: self._begin(base))

    def make(
        self, number: int, recipe: bytes, part: bytes, names: Sequence[str], parcels: Sequence[list[Any]]
    ) -> Answer:
        """Make a part. The answer says in which folder it lies, or holds it as a parcel.

        recipe, part: pickled. names: what it takes of the study's files; parcels: a reference to each.
        """
        return self._told(lambda: self._make(number, recipe, part, names, parcels))

    def end(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._home, ignore_errors=True)
        self._held.close()

    def _begin(self, base: Parcel) -> Answer:
        self._sees = sees(self._job, self._host) and self._may_write()
        unpack(base, self._home)
        assert self._loaded
        return {"host": self._host, "sees": self._sees}

    def _make(
        self, number: int, recipe: bytes, part: bytes, names: Sequence[str], parcels: Sequence[list[Any]]
    ) -> Answer:
        self._bring(names, parcels)
        maker, notes = self._maker(recipe)
        whole = maker.make(pickle.loads(part))
        made = [path for one in whole.paths for path in (seal_of(one), one) if path.exists()]
        places = [path.relative_to(self._root).as_posix() for path in made]
        answer = {"names": places, "aside": dict(whole.aside), "notes": notes}
        if not self._sees:
            packed = pack(self._root, made)
            for path in made:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            return {**answer, "parcel": packed}
        apart = self._scratch / f"{self._home.name}-{number}"
        apart.mkdir()
        for path, place in zip(made, places, strict=True):
            (target := apart / place).parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        return {**answer, "folder": str(apart)}

    def _bring(self, names: Sequence[str], parcels: Sequence[list[Any]]) -> None:
        """Have what a part needs of the study in this worker's folder."""
        for i, name in enumerate(names):
            if name in self._brought:
                continue
            if not self._sees:
                import ray

                unpack(ray.get(parcels[i][0]), self._home)
            else:
                await_path(self._folder / name, self._host)
                (link := self._home / name).parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(self._folder / name)
            self._brought.add(name)

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

    @property
    def _root(self) -> Path:
        """What is, in this worker's folder, the folder that the command writes in."""
        return self._home / str(self._job["inner"])

    @cached_property
    def _loaded(self) -> Any:
        return pickle.loads(self._job["load"])(open_study(self._home))

    def _maker(self, recipe: bytes) -> tuple[Maker[Any], list[str]]:
        """The worker's own maker, asked for when the command has recorded its environment; what differs."""
        if recipe != self._recipe:
            maker, notes = pickle.loads(recipe)(open_study(self._home), self._loaded, self._root)
            self._recipe, self._set_up = recipe, (maker, [*notes])
        return self._set_up

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
    """Whether the study is seen here, and the folder that the command writes in, by a file that it put there.

    Raises UnderpaintingError where another study's folder lies at its path.
    """
    marker, study = Path(job["scratch"]) / MARKER, Path(job["folder"]) / "study.toml"
    outside = job["inner"] == OUTSIDE
    for pause in (*PAUSES[:4], 0):
        with suppress(OSError, ValueError):
            if marker.read_text(encoding="utf-8") == job["token"]:
                return study.exists()
        if not os.path.lexists(job["root"] if outside else study):
            return False
        time.sleep(pause)
    if outside:
        return False
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
