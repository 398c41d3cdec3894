"""Where shards are made: in this process, or in several on this machine. They come back in their order."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from pathlib import Path

from underpainting.errors import UnderpaintingError
from underpainting.study.environment import open_workshop, record_environment
from underpainting.study.folder import clear_leftovers, open_study
from underpainting.study.plan import Shard
from underpainting.study.work import Work

Make = Callable[[Sequence[Shard]], Iterator[Shard]]
DEATHS = 3


@contextmanager
def shard_maker(work: Work, workers: int) -> Iterator[Make]:
    """Give a function that makes shards and yields each, in the order given, when it is whole."""
    if workers == 1:
        yield lambda shards: _here(work, shards)
        return
    pools = _Pools(work, workers)
    try:
        yield pools.make
    finally:
        pools.close()


def _here(work: Work, shards: Sequence[Shard]) -> Iterator[Shard]:
    for shard in shards:
        work.make(shard)
        yield shard


class _Pools:
    """A pool of processes, and another one after a process of it has died."""

    def __init__(self, work: Work, workers: int) -> None:
        self._work, self._workers, self._deaths = work, workers, 0
        self._pool = self._open()

    def _open(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._workers,
            mp_context=get_context("spawn"),
            initializer=_begin,
            initargs=(self._work.study.folder, self._work.max_set_aside),
        )

    def make(self, shards: Sequence[Shard]) -> Iterator[Shard]:
        """See `shard_maker`."""
        left, futures = list(shards), dict[int, Future[None]]()
        while left:
            shard = left[0]
            try:
                if not futures:
                    missing = [one.number for one in left if not self._work.study.is_whole(one)]
                    futures = {number: self._pool.submit(_make, number) for number in missing}
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
                clear_leftovers(self._work.study)
                self._pool, futures = self._open(), {}
                continue
            self._work.tick(len(shard.pictures))
            yield left.pop(0)

    def close(self) -> None:
        """Let the processes finish what they are at, and no more."""
        self._pool.shutdown(cancel_futures=True)


_work: Work | None = None


def _begin(folder: Path, max_set_aside: float) -> None:
    """Set a worker process up: it loads everything itself, and ends when its parent does."""
    global _work
    threading.Thread(target=_end_with_parent, daemon=True).start()
    study = open_study(folder)
    workshop = open_workshop(study.config)
    record_environment(study, workshop)
    _work = Work(study, workshop, max_set_aside, lambda pictures: None)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def _make(number: int) -> None:
    assert _work is not None
    _work.make(_work.study.shards[number])
