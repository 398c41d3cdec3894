"""The one thread that owns the model: it does jobs in turn, and is replaced where a job brings it down."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from threading import Thread

from underpainting.errors import UnderpaintingError, one_line, reason
from underpainting.page.jobs import Cancelled, Job, Queue
from underpainting.page.making import Desk

DIED = "the worker died of it ({why}) and is replaced; ask again"
SMOOTH = 0.2
log = logging.getLogger("underpainting.page")


class Worker:
    """A thread that opens a desk and does the queue's jobs at it.

    A mistake of a person ends its job with a line. Anything else ends the worker: the job says so, and
    another worker begins with a desk of its own.
    """

    def __init__(self, queue: Queue, opening: Callable[[], Desk], loop: asyncio.AbstractEventLoop) -> None:
        """opening: gives the desk; it is called in the worker's thread, again for each worker."""
        self._queue, self._opening, self._loop = queue, opening, loop
        self.desk: Desk | None = None
        self.replaced = 0
        self.pace = 1.0
        self.error = ""
        self.current: Job | None = None
        self.ready: asyncio.Future[Desk] = loop.create_future()
        self._begin()

    @property
    def works(self) -> bool:
        """Whether there is a worker, or one is being made ready."""
        return self._thread.is_alive()

    @property
    def pause(self) -> int:
        """Whole seconds after which a place in the queue is likely free: two jobs at the present pace."""
        return max(1, math.ceil(2 * self.pace))

    def join(self, seconds: float) -> None:
        """Wait for the thread's end, not longer than so many seconds."""
        self._thread.join(seconds)

    def _begin(self) -> None:
        self._thread = Thread(target=self._run, name="underpainting page", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.desk = desk = self._opening()
        except BaseException as error:
            self._loop.call_soon_threadsafe(self._no_desk, error)
            return
        self._loop.call_soon_threadsafe(self._is_ready, desk)
        try:
            while (taken := self._queue.take()) is not None:
                self.current, rest = taken
                begun = time.monotonic()
                self._do(self.current, rest)
                self.pace += SMOOTH * (time.monotonic() - begun - self.pace)
                self.current = None
        except BaseException as error:
            log.exception("the worker died")
            self._loop.call_soon_threadsafe(self._died, self.current, error)

    def _do(self, job: Job, rest: Iterator[None]) -> None:
        try:
            next(rest)
            self._queue.put_back(job, rest)
        except StopIteration:
            self._loop.call_soon_threadsafe(job.add, "end", "{}")
        except Cancelled:
            return
        except UnderpaintingError as error:
            self._loop.call_soon_threadsafe(partial(job.fail, str(error), again=False))

    def _is_ready(self, desk: Desk) -> None:
        if not self.ready.done():
            self.ready.set_result(desk)

    def _no_desk(self, error: BaseException) -> None:
        self.error = one_line(str(error) if isinstance(error, UnderpaintingError) else reason(error))
        self._queue.fail_waiting(f"the worker cannot be replaced: {self.error}")
        if not self.ready.done():
            self.ready.set_exception(error)

    def _died(self, job: Job | None, error: BaseException) -> None:
        self.replaced += 1
        if job is not None:
            job.fail(DIED.format(why=reason(error)), again=True)
        self._queue.abandon_begun()
        self._begin()
