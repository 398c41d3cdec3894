"""Jobs: what waits, in which order it is done, and what was told of each, for however many follow it.

All of it but `Job.tell` belongs to the event loop; the worker's thread takes jobs and tells events.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from threading import Condition, Event
from typing import Any, Literal

State = Literal["waiting", "working", "finished", "failed", "cancelled"]
Work = Callable[["Job"], Iterator[None]]

QUEUE = 64
"""Jobs that may wait at once."""

FOLLOWED = 10.0
"""Seconds for which a job that nobody follows goes on."""

KEPT, KEPT_JOBS, KEPT_BYTES = 600.0, 512, 128_000_000
"""Seconds for which the events of a job that is over are kept; how many jobs, and bytes of events, in all."""

PING = 10.0  # seconds without an event after which a comment keeps the connection


class Cancelled(Exception):
    """Nobody wants a job any longer."""


class Full(Exception):
    """As many jobs wait as may."""


@dataclass(eq=False)
class Job:
    """What was asked for once, and what was told of it: `log` holds server-sent events as bytes.

    over: no further event comes. state `finished` may still be followed by decoded steps.
    """

    kind: str
    work: Work
    loop: asyncio.AbstractEventLoop
    identity: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: State = "waiting"
    place: int = 0
    error: str = ""
    log: list[bytes] = field(default_factory=list)
    over: float | None = None
    followers: int = 0
    seen: float = field(default_factory=time.monotonic)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    stop: Event = field(default_factory=Event)

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        """Tell an event, from the worker's thread. Raises Cancelled where the job is cancelled."""
        if self.stop.is_set():
            raise Cancelled
        text = json.dumps(data, separators=(",", ":"), allow_nan=False)
        self.loop.call_soon_threadsafe(self.add, kind, text)

    def add(self, kind: str, text: str) -> None:
        """Add an event of JSON to the log, and wake those who follow."""
        if self.over is not None:
            return
        if kind in ("begun", "finished", "failed", "cancelled"):
            self.state = "working" if kind == "begun" else kind  # type: ignore[assignment]
        if kind in ("end", "failed", "cancelled"):
            self.over = time.monotonic()
        self.log.append(f"id: {len(self.log)}\nevent: {kind}\ndata: {text}\n\n".encode())
        self.changed.set()
        self.changed = asyncio.Event()

    def fail(self, line: str, *, again: bool) -> None:
        """End with a line. again: whether the same may be asked for again."""
        self.error = line
        self.add("failed", json.dumps({"error": line, "again": again}))

    @property
    def size(self) -> int:
        """Bytes of its events."""
        return sum(map(len, self.log))

    def asked_about(self) -> dict[str, Any]:
        """How it stands; who asks wants it."""
        self.seen = time.monotonic()
        about = {"job": self.identity, "kind": self.kind, "state": self.state, "place": self.place}
        return {**about, "events": len(self.log), "error": self.error or None}

    async def follow(self, first: int) -> AsyncIterator[bytes]:
        """Events from a number on, as they come, until the job is over."""
        self.followers += 1
        try:
            while True:
                while first < len(self.log):
                    yield self.log[first]
                    first += 1
                if self.over is not None:
                    return
                try:
                    await asyncio.wait_for(self.changed.wait(), PING)
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self.followers -= 1
            self.seen = time.monotonic()


class Queue:
    """Jobs in the order in which they came; what is left of finished ones goes in between, one piece each."""

    def __init__(self) -> None:
        """Nothing waits."""
        self.jobs: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._begun: deque[tuple[Job, Iterator[None]]] = deque()
        self._some = Condition()
        self._turn = False
        self._closed = False

    def put(self, job: Job) -> None:
        """Let a job wait. Raises Full."""
        with self._some:
            if len(self._waiting) >= QUEUE:
                raise Full
            self._waiting.append(job)
            self.jobs[job.identity] = job
            self._some.notify()
        self._tell_places()

    def take(self) -> tuple[Job, Iterator[None]] | None:
        """The next job and its work, waited for, from the worker's thread; None when the queue is closed."""
        with self._some:
            while not (self._waiting or self._begun or self._closed):
                self._some.wait()
            if self._closed:
                return None
            self._turn = bool(self._begun) and (not self._waiting or not self._turn)
            if self._turn:
                return self._begun.popleft()
            job = self._waiting.popleft()
        job.loop.call_soon_threadsafe(self._tell_places)
        return job, job.work(job)

    def put_back(self, job: Job, rest: Iterator[None]) -> None:
        """Let what is left of a job wait until others had their turn, from the worker's thread."""
        with self._some:
            self._begun.append((job, rest))

    def cancel(self, job: Job) -> None:
        """Cancel a job: at once where it waits, else before its next step."""
        job.stop.set()
        with self._some:
            waited = job in self._waiting
            if waited:
                self._waiting.remove(job)
        if job.state != "finished":
            job.add("cancelled", "{}")
        else:
            job.add("end", "{}")
        if waited:
            self._tell_places()

    def abandon_begun(self) -> None:
        """End what is left of finished jobs: the worker that knew them is gone."""
        with self._some:
            begun, self._begun = list(self._begun), deque()
        for job, _ in begun:
            job.add("end", "{}")

    def fail_waiting(self, line: str) -> None:
        """End all jobs that wait, as there is nobody to do them."""
        with self._some:
            waiting, self._waiting = list(self._waiting), deque()
        for job in waiting:
            job.fail(line, again=False)

    def close(self) -> None:
        """Let the worker's thread end."""
        with self._some:
            self._closed = True
            self._some.notify_all()

    def tidy(self) -> None:
        """Cancel jobs that nobody follows, and forget the events of those that are long over."""
        now = time.monotonic()
        for job in list(self.jobs.values()):
            if job.over is None and not job.followers and now - job.seen > FOLLOWED:
                self.cancel(job)
        over = sorted(
            (job for job in self.jobs.values() if job.over is not None and not job.followers),
            key=lambda job: job.over or 0,
        )
        held = sum(job.size for job in self.jobs.values())
        for job in over:
            old = now - (job.over or now) > KEPT
            if not old and held <= KEPT_BYTES and len(self.jobs) <= KEPT_JOBS:
                break
            held -= job.size
            del self.jobs[job.identity]

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    def _tell_places(self) -> None:
        for place, job in enumerate(list(self._waiting)):
            if not job.log or job.place != place:
                job.place = place
                job.add("queued", json.dumps({"place": place}))
