"""The state of a page that is served: its queue, its worker, what it tells about itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from fastapi.responses import JSONResponse

from underpainting.page.guard import refused
from underpainting.page.jobs import Full, Job, Queue
from underpainting.page.making import Desk
from underpainting.page.worker import Worker

TIDY = 1.0  # seconds


class Page:
    """The state of a served page: its queue, its worker, what it tells about itself."""

    def __init__(self, opening: Callable[[], Desk], loop: asyncio.AbstractEventLoop) -> None:
        """opening: gives the worker's desk."""
        self.queue = Queue()
        self.loop = loop
        self.worker = Worker(self.queue, opening, loop)
        self.about: dict[str, Any] = {}

    @property
    def desk(self) -> Desk:
        """The worker's desk."""
        assert self.worker.desk is not None
        return self.worker.desk

    def ask(self, kind: str, work: Callable[[Job], Iterator[None]]) -> JSONResponse:
        """Let a job wait, or say why not."""
        if self.worker.error:
            return refused(503, f"the worker cannot be replaced: {self.worker.error}")
        job = Job(kind, work, self.loop)
        try:
            self.queue.put(job)
        except Full:
            again = {"Retry-After": str(self.worker.pause)}
            return refused(429, "as many pictures wait as may; ask again in a while", again)
        told = {"job": job.identity, "events": f"/api/jobs/{job.identity}/events", "place": job.place}
        return JSONResponse(told, 202)

    async def tidy(self) -> None:
        """Cancel what nobody follows, for ever."""
        while True:
            await asyncio.sleep(TIDY)
            self.queue.tidy()
