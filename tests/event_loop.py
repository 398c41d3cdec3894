"""Coroutines run to their end from a test."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Given = TypeVar("Given")


def finished(coroutine: Coroutine[Any, Any, Given], seconds: float = 20) -> Given:
    """What a coroutine gives, by an event loop in a thread of its own: a browser may hold the test's."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, asyncio.wait_for(coroutine, seconds)).result()
