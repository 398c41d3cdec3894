"""The page's application: its life, its endpoints, and how it refuses; docs/page.md is the contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from underpainting import __version__
from underpainting.errors import UnderpaintingError, one_line
from underpainting.page.about import about
from underpainting.page.endpoints import STATIC, add_asking, add_following, add_showing
from underpainting.page.guard import Access, Guard, refused
from underpainting.page.making import Desk
from underpainting.page.state import Page


def page_app(opening: Callable[[], Desk], access: Access) -> FastAPI:
    """The page's application. opening: gives what the worker works with. access: who may ask."""

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        page = Page(opening, asyncio.get_running_loop())
        desk = await page.worker.ready
        page.about = await asyncio.to_thread(about, desk.served)
        app.state.page = page
        tidying = asyncio.create_task(page.tidy())
        try:
            yield
        finally:
            tidying.cancel()
            with suppress(asyncio.CancelledError):
                await tidying
            page.queue.close()
            await asyncio.to_thread(page.worker.join, 10)

    app = FastAPI(
        title="underpainting",
        version=__version__,
        description="What a diffusion model knows about a picture while it is still noise; see docs/page.md.",
        lifespan=living,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        strict_content_type=True,
    )
    app.add_middleware(Guard, access=access)
    _refuse_in_one_line(app)
    add_asking(app)
    add_following(app)
    add_showing(app)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


def _refuse_in_one_line(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        return refused(error.status_code, one_line(str(error.detail)), error.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        fault = error.errors()[0]
        where = " ".join(str(part) for part in fault["loc"] if part not in ("body", "path", "header"))
        what = str(fault["msg"]).removeprefix("Value error, ")
        return refused(422, one_line(f"{where}: {what}".removeprefix(": ")))

    @app.exception_handler(Exception)
    async def _broken(request: Request, error: Exception) -> JSONResponse:
        return refused(500, "the server is at fault; its log says how")

    @app.exception_handler(UnderpaintingError)
    async def _mistaken(request: Request, error: UnderpaintingError) -> JSONResponse:
        return refused(422, str(error))
