"""Where shards are made: in this process, or in several on this machine. They come back in their order."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache, partial
from multiprocessing import Pipe, get_context
from pathlib import Path
from typing import Literal

import torch

from underpainting.errors import UnderpaintingError, shown
from underpainting.progress import Progress
from underpainting.study import calibrate, fit, lifeline, test
from underpainting.study.environment import Loaded, load_trusted, record_environment
from underpainting.study.schedule import Shard
from underpainting.study.study import StudyFolder, clear_leftovers, open_study
from underpainting.study.work import Work

Make = Callable[[Work, Sequence[Shard]], Iterator[Shard]]
DEATHS, MAX_WORKERS = 3, 256
Workers = int | Literal["auto"]
"""How many processes make pictures; "auto" is one a GPU, and one where there is none."""
PHASES = {"fit": fit, "calibrate": calibrate, "test": test}
"""Each phase makes the shards of the split of its name."""


def make_shard(work: Work, shard: Shard) -> None:
    """Make a shard of any split. Making it again gives the same bytes, in whatever process."""
    work.shard(shard, partial(PHASES[shard.split].make, work, shard))


def count_workers(asked: Workers) -> int:
    """The number of processes. Raises UnderpaintingError where it is none that there can be."""
    if asked == "auto":
        return max(1, torch.cuda.device_count())
    if isinstance(asked, bool) or not isinstance(asked, int) or not 1 <= asked <= MAX_WORKERS:
        raise UnderpaintingError(
            f"workers is {shown(asked)}: give a whole number from 1 to {MAX_WORKERS}, or auto for one a GPU"
        )
    return asked


@contextmanager
def shard_maker(study: StudyFolder, workers: int, max_set_aside: float) -> Iterator[Make]:
    """Give a function that makes shards and yields each, in the order given, when it is whole.

    Other processes begin to load at once, while this one does.
    """
    if workers == 1:
        yield _here
        return
    pools = _Pools(study, workers, max_set_aside)
    try:
        yield pools.make
    except KeyboardInterrupt:
        pools.end()
        raise
    finally:
        pools.close()


def _here(work: Work, shards: Sequence[Shard]) -> Iterator[Shard]:
    for shard in shards:
        make_shard(work, shard)
        yield shard


class _Pools:
    """A pool of processes, and another one after a process of it has died."""

    def __init__(self, study: StudyFolder, workers: int, max_set_aside: float) -> None:
        self._job = study.folder, max_set_aside
        self._workers, self._deaths = workers, 0
        self._pool = self._open()

    def _open(self) -> ProcessPoolExecutor:
        ended, self._life = Pipe(duplex=False)
        self._numbers, numbering = Pipe(duplex=False)
        with numbering:
            os.write(numbering.fileno(), bytes(range(self._workers)))
        told = ended, self._numbers, torch.get_num_threads()
        pool = ProcessPoolExecutor(self._workers, get_context("spawn"), lifeline.begin, told)
        with _deaf_to_ctrl_c():
            for _ in range(self._workers):
                pool.submit(_load, self._job[0])  # what goes wrong here does so again, and is told, in _make
        return pool

    def make(self, work: Work, shards: Sequence[Shard]) -> Iterator[Shard]:
        """See `shard_maker`."""
        left, futures = list(shards), dict[int, Future[None]]()
        while left:
            shard = left[0]
            try:
                if not futures:
                    missing = [one.number for one in left if not work.study.is_whole(one)]
                    futures = {number: self._pool.submit(_make, *self._job, number) for number in missing}
                if shard.number in futures:
                    futures[shard.number].result()
            except BrokenProcessPool:
                self._deaths += 1
                if self._deaths == DEATHS:
                    raise UnderpaintingError(
                        f"{DEATHS} worker processes were killed, the last before shard {shard.number} was "
                        "made (out of memory?); use fewer workers or smaller batches"
                    ) from None
                self.close()
                clear_leftovers(work.study)
                self._pool, futures = self._open(), {}
                continue
            work.progress.advance(len(shard.pictures))
            yield left.pop(0)

    def end(self) -> None:
        """End the processes at once; what they are at is made again."""
        self._life.close()

    def close(self) -> None:
        """Let the processes finish what they are at, and no more."""
        self._pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that are begun in the block never hear a terminal's Ctrl-C; this one does after it."""
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)


def _load(folder: Path) -> None:
    _loaded(folder)


@cache
def _loaded(folder: Path) -> Loaded:
    return load_trusted(open_study(folder))


@cache
def _work(folder: Path, max_set_aside: float) -> Work:
    """A worker's own work; this is asked for when the run that it works for has recorded its environment."""
    study, loaded = open_study(folder), _loaded(folder)
    record_environment(study, loaded)
    return Work(study, loaded, max_set_aside, Progress())


def _make(folder: Path, max_set_aside: float, number: int) -> None:
    work = _work(folder, max_set_aside)
    make_shard(work, work.study.shards[number])
