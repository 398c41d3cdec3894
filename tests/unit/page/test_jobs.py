"""Jobs: their order, what is told of them and to whom, and that what nobody wants is not done."""

import asyncio
from collections.abc import Coroutine, Iterator
from threading import Thread
from typing import Any

import pytest

from tests.event_loop import finished
from underpainting.page import jobs
from underpainting.page.jobs import Cancelled, Full, Job, Queue


def run(test: Coroutine[Any, Any, None]) -> None:
    finished(test)


def nothing(job: Job) -> Iterator[None]:
    yield


def new(queue: Queue) -> Job:
    job = Job("picture", nothing, asyncio.get_running_loop())
    queue.put(job)
    return job


def places(job: Job) -> list[bytes]:
    return [event.split(b"data: ")[1].strip() for event in job.log if b"event: queued" in event]


def test_jobs_are_taken_in_order_and_told_their_places() -> None:
    async def test() -> None:
        queue = Queue()
        first, second, third = new(queue), new(queue), new(queue)
        assert [job.place for job in (first, second, third)] == [0, 1, 2]
        taken = queue.take()
        assert taken is not None and taken[0] is first
        await asyncio.sleep(0.01)
        assert places(third) == [b'{"place": 2}', b'{"place": 1}']
        queue.cancel(second)
        assert places(third)[-1] == b'{"place": 0}' and second.state == "cancelled"

    run(test())


def test_what_is_left_of_pictures_and_other_pictures_take_turns() -> None:
    async def test() -> None:
        queue = Queue()
        begun = new(queue)
        assert queue.take() is not None
        rest: Iterator[None] = iter([None, None])
        waiting = [new(queue) for _ in range(3)]
        order = []
        for _ in range(3):
            queue.put_back(begun, rest)
            for _ in range(2):
                taken = queue.take()
                assert taken is not None
                order.append(taken[0])
        assert order == [begun, waiting[0], begun, waiting[1], begun, waiting[2]]

    run(test())


def test_a_full_queue_takes_no_more() -> None:
    async def test() -> None:
        queue = Queue()
        for _ in range(jobs.QUEUE):
            new(queue)
        with pytest.raises(Full):
            new(queue)
        assert len(queue.jobs) == jobs.QUEUE
        assert queue.take() is not None
        new(queue)

    run(test())


def test_all_who_follow_see_the_same_and_who_comes_back_sees_what_he_missed() -> None:
    async def test() -> None:
        queue = Queue()
        job = new(queue)

        async def follow(first: int) -> list[bytes]:
            return [event async for event in job.follow(first)]

        early, late = asyncio.create_task(follow(0)), asyncio.create_task(follow(2))
        for kind in ("begun", "step", "finished", "end"):
            thread = Thread(target=job.tell, args=(kind, {"of": kind}))
            thread.start()
            thread.join()
            await asyncio.sleep(0.01)
        seen = await early
        assert [event.split(b"\n")[0] for event in seen] == [f"id: {i}".encode() for i in range(5)]
        assert await late == seen[2:] and await follow(4) == seen[4:]
        assert job.state == "finished" and job.over is not None and job.followers == 0

    run(test())


def test_a_cancelled_job_is_told_nothing_more() -> None:
    async def test() -> None:
        queue = Queue()
        job = new(queue)
        assert queue.take() is not None
        job.add("begun", "{}")
        queue.cancel(job)
        with pytest.raises(Cancelled):
            job.tell("step", {})
        job.add("step", "{}")
        assert b"event: cancelled" in job.log[-1] and job.state == "cancelled"

    run(test())


def test_a_job_that_nobody_follows_is_cancelled_and_forgotten_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        queue = Queue()
        left, followed = new(queue), new(queue)
        now = left.seen
        following = followed.follow(0)
        await anext(following)
        monkeypatch.setattr(jobs.time, "monotonic", lambda: now + jobs.FOLLOWED + 1)
        queue.tidy()
        assert (left.state, followed.state) == ("cancelled", "waiting")
        assert left.identity in queue.jobs
        monkeypatch.setattr(jobs.time, "monotonic", lambda: now + jobs.FOLLOWED + jobs.KEPT + 2)
        queue.tidy()
        assert list(queue.jobs) == [followed.identity]
        await following.aclose()

    run(test())


def test_events_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        queue = Queue()
        monkeypatch.setattr(jobs, "KEPT_BYTES", 5_000)
        for _ in range(20):
            job = new(queue)
            assert queue.take() is not None
            job.add("step", "x" * 1_000)
            job.add("end", "{}")
        queue.tidy()
        assert 1 <= len(queue.jobs) <= 5 and job.identity in queue.jobs

    run(test())


def test_names_of_jobs_cannot_be_guessed() -> None:
    async def test() -> None:
        names = {Job("picture", nothing, asyncio.get_running_loop()).identity for _ in range(100)}
        assert len(names) == 100 and min(map(len, names)) >= 22

    run(test())
