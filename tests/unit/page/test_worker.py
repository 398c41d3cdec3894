"""The worker does jobs in turn, survives their mistakes, and is replaced where one brings it down."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from tests.event_loop import finished
from underpainting.errors import UnderpaintingError
from underpainting.page.jobs import Job, Queue
from underpainting.page.making import Desk
from underpainting.page.worker import Worker

Work = Callable[[Job], Iterator[None]]


def told(work: Work, *others: Work) -> list[list[str]]:
    """What is told of jobs that are asked for together, as kinds of events."""

    async def asking() -> list[list[str]]:
        queue, loop = Queue(), asyncio.get_running_loop()
        worker = Worker(queue, lambda: cast(Desk, object()), loop)
        await worker.ready
        asked = [Job("picture", of, loop) for of in (work, *others)]
        for job in asked:
            queue.put(job)
        seen = [[event async for event in job.follow(0)] for job in asked]
        queue.close()
        await asyncio.to_thread(worker.join, 5)
        replaced.append(worker.replaced)
        return [[event.decode().split("event: ")[1] for event in events] for events in seen]

    replaced.clear()
    return finished(asking())


replaced: list[int] = []


def sound(job: Job) -> Iterator[None]:
    job.tell("begun", {})
    job.tell("finished", {})
    yield


def mistaken(job: Job) -> Iterator[None]:
    job.tell("begun", {})
    raise UnderpaintingError("give another seed")
    yield


def broken(job: Job) -> Iterator[None]:
    job.tell("begun", {})
    raise ZeroDivisionError("of the model")
    yield


def deadly(job: Job) -> Iterator[None]:
    job.tell("begun", {})
    raise SystemExit
    yield


def kinds(events: list[str]) -> list[str]:
    return [event.split("\n")[0] for event in events if not event.startswith("queued")]


def test_a_mistake_ends_its_job_alone() -> None:
    first, second = told(mistaken, sound)
    assert (
        kinds(first) == ["begun", "failed"]
        and "give another seed" in first[-1]
        and '"again": false' in first[-1]
    )
    assert kinds(second) == ["begun", "finished", "end"]
    assert replaced == [0]


@pytest.mark.parametrize("work", [broken, deadly])
def test_a_worker_that_dies_is_replaced_and_its_job_says_so(work: Work) -> None:
    first, second = told(work, sound)
    assert kinds(first) == ["begun", "failed"]
    assert "is replaced; ask again" in first[-1] and '"again": true' in first[-1]
    assert kinds(second) == ["begun", "finished", "end"]
    assert replaced == [1]


def test_what_is_left_of_other_jobs_ends_with_the_worker() -> None:
    first, second = told(sound, broken)
    assert kinds(first) == ["begun", "finished", "end"] and kinds(second) == ["begun", "failed"]


def test_a_worker_that_cannot_begin_says_why() -> None:
    def opening() -> Desk:
        raise UnderpaintingError("the model is gone")

    async def test() -> None:
        worker = Worker(Queue(), opening, asyncio.get_running_loop())
        with pytest.raises(UnderpaintingError, match="the model is gone"):
            await worker.ready
        assert worker.error == "the model is gone"

    finished(test())


def test_jobs_that_wait_for_a_worker_that_cannot_be_replaced_end() -> None:
    opened: list[int] = []

    def opening() -> Desk:
        opened.append(1)
        if len(opened) > 1:
            raise UnderpaintingError("the model is gone")
        return cast(Desk, object())

    async def test() -> None:
        queue, loop = Queue(), asyncio.get_running_loop()
        worker = Worker(queue, opening, loop)
        await worker.ready
        asked = [Job("picture", of, loop) for of in (broken, sound)]
        for job in asked:
            queue.put(job)
        seen = [[event async for event in job.follow(0)] for job in asked]
        assert b"ask again" in seen[0][-1] and b"cannot be replaced: the model is gone" in seen[1][-1]
        assert [job.state for job in asked] == ["failed", "failed"] and worker.error == "the model is gone"

    finished(test())


def test_a_job_that_is_cancelled_stops_before_its_next_event() -> None:
    done: list[Any] = []

    async def test() -> None:
        queue, loop = Queue(), asyncio.get_running_loop()
        worker = Worker(queue, lambda: cast(Desk, object()), loop)
        await worker.ready

        def long(job: Job) -> Iterator[None]:
            job.tell("begun", {})
            loop.call_soon_threadsafe(queue.cancel, job)
            while True:
                done.append(len(done))
                job.tell("step", {})
            yield

        job = Job("picture", long, loop)
        queue.put(job)
        events = [event async for event in job.follow(0)]
        assert b"event: cancelled" in events[-1]
        queue.close()
        await asyncio.to_thread(worker.join, 5)
        assert not worker.works and worker.replaced == 0

    finished(test())
    assert done
