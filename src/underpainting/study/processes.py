"""Parts made by several processes on this machine."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import torch

from underpainting.errors import UnderpaintingError
from underpainting.progress import Progress
from underpainting.records import clear_partial
from underpainting.study import lifeline
from underpainting.study.environment import use_threads
from underpainting.study.makers import Load, Made, Make, Maker, PartOfStudy, Whole
from underpainting.study.study import StudyFolder, open_study

DEATHS = 3


@contextmanager
def in_processes(
    study: StudyFolder, root: Path, progress: Progress, load: Load, workers: int
) -> Iterator[Make]:
    """Give what makes parts in processes that share the CPUs out among them (see `executors.executor`)."""
    use_threads(study, workers)
    pools = _Pools(_Setting(study.folder, root, load), workers, progress)
    try:
        yield pools.make
    except KeyboardInterrupt:
        pools.end()
        raise
    finally:
        pools.close()


@dataclass(frozen=True)
class _Setting:
    """What a worker is told of the command that it works for: the study, where it writes, what is loaded."""

    folder: Path
    root: Path
    load: Load


class _Pools:
    """A pool of processes, and another one after a process of it has died."""

    def __init__(self, setting: _Setting, workers: int, progress: Progress) -> None:
        self._setting, self._progress = setting, progress
        self._workers, self._deaths = workers, 0
        self._pool = self._open()

    def _open(self) -> ProcessPoolExecutor:
        ended, self._life = Pipe(duplex=False)
        self._numbers, numbering = Pipe(duplex=False)
        with numbering:
            os.write(numbering.fileno(), bytes(range(self._workers)))
        told = ended, self._numbers, torch.get_num_threads()
        pool = ProcessPoolExecutor(self._workers, lifeline.context(), lifeline.begin, told)
        with lifeline.deaf_to_ctrl_c():
            for _ in range(self._workers):
                pool.submit(_load, self._setting)  # what goes wrong here does so again, and is told, in _make
        return pool

    def make(self, maker: Maker[Made], parts: Sequence[Made], /) -> Iterator[tuple[Made, Whole]]:
        """See `makers.Make`."""
        recipe, futures = pickle.dumps(maker.recipe), dict[int, Future[Whole]]()
        for i, part in enumerate(parts):
            while True:
                try:
                    if i not in futures:
                        missing = [later for later in range(i, len(parts)) if later not in futures]
                        asked = self._setting, recipe
                        futures |= {of: self._pool.submit(_make, *asked, parts[of]) for of in missing}
                    whole = futures.pop(i).result()
                    break
                except BrokenProcessPool:
                    self._begin_again(maker, part)
                    futures = {of: future for of, future in futures.items() if _is_made(future)}
            self._progress.advance(part.size)
            yield part, whole

    def _begin_again(self, maker: Maker[Made], part: Made) -> None:
        """Open another pool. Raises UnderpaintingError where too many processes have died."""
        self._deaths += 1
        if self._deaths == DEATHS:
            raise UnderpaintingError(
                f"{DEATHS} worker processes were killed, the last before {part.name} was made (out of "
                "memory?); use fewer workers or smaller batches"
            ) from None
        self.close()
        for folder in maker.places:
            if folder.is_dir():
                clear_partial(folder)
        self._pool = self._open()

    def end(self) -> None:
        """End the processes at once; what they are at is made again."""
        self._life.close()

    def close(self) -> None:
        """Let the processes finish what they are at, and no more."""
        self._pool.shutdown(cancel_futures=True)


def _is_made(future: Future[Whole]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _load(setting: _Setting) -> None:
    _loaded(setting)


@cache
def _loaded(setting: _Setting) -> Any:
    return setting.load(open_study(setting.folder))


@lru_cache(maxsize=1)
def _maker(setting: _Setting, recipe: bytes) -> Maker[Any]:
    """A worker's own maker; it is asked for when what the command works with is recorded."""
    set_up = pickle.loads(recipe)
    maker, _ = set_up(open_study(setting.folder), _loaded(setting), setting.root)
    return maker  # type: ignore[no-any-return]


def _make(setting: _Setting, recipe: bytes, part: PartOfStudy) -> Whole:
    return _maker(setting, recipe).make(part)
