"""The page on a port of this machine."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn
from fastapi import FastAPI

from underpainting.errors import UnderpaintingError
from underpainting.page.guard import Access

PORT = 7860
CONNECTIONS = 512  # at once
STOPPING = 2  # seconds that open streams have to end


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises UnderpaintingError where the port is taken or the host is none."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, number)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        raise UnderpaintingError(
            f"cannot listen on {host}, port {port} ({error.strerror or error}); "
            "give another by --port or --host"
        ) from None
    return listening


def link(access: Access, port: int) -> str:
    """The address of the page for a browser, with the access token where one is needed."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(access.host, access.host)
    token = "" if access.token is None else f"?token={access.token}"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/{token}"


def serve_app(app: FastAPI, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until a signal says stop. ready: is called when requests are answered."""
    server = uvicorn.Server(_config(app))

    async def serving() -> None:
        task = asyncio.create_task(server.serve([listening]))
        while not (server.started or task.done()):
            await asyncio.sleep(0.02)
        if server.started:
            ready()
        await task

    asyncio.run(serving())


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address at which a thread of this process serves an application, on a free port."""
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(_config(app))
    thread = Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=STOPPING,
    )


def browse(address: str) -> None:
    """Open an address in a browser, where there is one and a person to see it."""
    if sys.stdout.isatty():
        Thread(target=webbrowser.open, args=(address,), daemon=True).start()
