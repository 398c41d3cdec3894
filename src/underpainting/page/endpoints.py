"""The page's endpoints: what is asked for, what is followed, what is shown."""

from __future__ import annotations

import re
import tempfile
import zipfile
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

from fastapi import FastAPI, Header, Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.exceptions import HTTPException

from underpainting.errors import UnderpaintingError
from underpainting.intervention.act import strip
from underpainting.intervention.kept import keep
from underpainting.intervention.many import Wanted, wanted
from underpainting.intervention.painter import check_edit
from underpainting.intervention.picture import Intervened
from underpainting.page import making
from underpainting.page.asks import EditAsk, EstimatesAsk, PictureAsk, SeedsAsk
from underpainting.page.guard import REPORT_POLICY
from underpainting.page.jobs import Job
from underpainting.page.making import Desk
from underpainting.page.state import Page
from underpainting.page.wire import png_file

STATIC = Path(str(files("underpainting.page"))) / "static"
TEMPLATES = Path(str(files("underpainting.report"))) / "templates"
SHARED = {"report.css": "text/css", "relief.js": "text/javascript", "gallery.js": "text/javascript"}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": what,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"error": {"type": "string"}},
                    "required": ["error"],
                }
            }
        },
    }
    for status, what in {
        400: "The body is no JSON, or a field is out of range.",
        401: "No access token.",
        403: "The request comes from another site's page.",
        404: "There is no such job or picture.",
        409: "It is not finished.",
        410: "It is no longer kept.",
        413: "The body is too large.",
        415: "The body is not JSON.",
        422: "A field is out of range.",
        429: "The queue is full; `Retry-After` says for how many seconds.",
        503: "There is no worker.",
    }.items()
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What an endpoint may refuse with, for its description."""
    return {status: ERRORS[status] for status in statuses}


def _page(app: FastAPI) -> Page:
    page: Page = app.state.page
    return page


def add_asking(app: FastAPI) -> None:
    """Endpoints that make jobs."""
    waits = errors(400, 401, 403, 413, 415, 422, 429, 503)

    @app.post("/api/pictures", status_code=202, responses=waits)
    async def ask_picture(ask: PictureAsk) -> Response:
        """Ask for a picture; answers with a job."""
        page = _page(app)
        return page.ask("picture", lambda job: making.picture(page.desk, ask, job.identity, job.tell))

    @app.post("/api/edits", status_code=202, responses=waits)
    async def ask_edit(ask: EditAsk) -> Response:
        """Ask for a picture that follows a target; answers with a job."""
        page = _page(app)
        want = _wanted(page.desk, ask)
        return page.ask("edit", lambda job: making.edit(page.desk, want, job.identity, job.tell))

    @app.post("/api/estimates", status_code=202, responses=waits)
    async def ask_estimates(ask: EstimatesAsk) -> Response:
        """Ask what the estimator sees in the pictures of a picture's steps; answers with a job."""
        page = _page(app)
        return page.ask("estimates", lambda job: making.estimates(page.desk, ask, job.identity, job.tell))

    @app.post("/api/seeds", status_code=202, responses=waits)
    async def ask_seeds(ask: SeedsAsk) -> Response:
        """Ask what is read of many seeds after some steps; answers with a job."""
        page = _page(app)
        steps = page.desk.served.study.config.model.steps
        if ask.step > steps:
            raise UnderpaintingError(f"step: give one from 1 to {steps}, the study's steps")
        return page.ask("seeds", lambda job: making.seeds(page.desk, ask, job.identity, job.tell))


def _wanted(desk: Desk, ask: EditAsk) -> Wanted:
    study = desk.served.study
    settings = ask.edit.model_dump(exclude_none=True)
    want = wanted(study, ask.asked, settings, None if ask.mask is None else ask.mask.array)
    check_edit(study, desk.served.painter.probes, want.edit)
    desk.served.painter.layers(want.edit)
    return want


def add_following(app: FastAPI) -> None:
    """Endpoints of jobs that are there."""

    def known(identity: str) -> Job:
        job = _page(app).queue.jobs.get(identity)
        if job is None:
            raise HTTPException(404, "there is no such job, or it is no longer kept")
        return job

    @app.get("/api/jobs/{job}", responses=errors(401, 403, 404))
    async def job_stands(job: str) -> dict[str, Any]:
        """How a job stands."""
        return known(job).asked_about()

    @app.get(
        "/api/jobs/{job}/events",
        responses={
            200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
            204: {"description": "Nothing more comes."},
            **errors(401, 403, 404, 422),
        },
        response_class=StreamingResponse,
    )
    async def events(
        job: str, last_event_id: Annotated[str | None, Header(max_length=12)] = None
    ) -> Response:
        """A job's events, from the first or after `Last-Event-ID`, as they come."""
        one, first = known(job), 0
        if last_event_id:
            if not re.fullmatch(r"[0-9]{1,9}", last_event_id):
                raise HTTPException(422, "Last-Event-ID: give the id of an event")
            first = int(last_event_id) + 1
        if one.over is not None and first >= len(one.log):
            return Response(status_code=204)
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(one.follow(first), media_type="text/event-stream", headers=headers)

    @app.delete("/api/jobs/{job}", status_code=204, responses=errors(401, 403, 404))
    async def cancel(job: str) -> Response:
        """Stop a job."""
        one = known(job)
        if one.over is None:
            _page(app).queue.cancel(one)
        return Response(status_code=204)


def add_showing(app: FastAPI) -> None:
    """Endpoints of what is there: about, exports, gallery, report, the page itself."""
    drawing = Lock()

    @app.get("/api/about", responses=errors(401, 403))
    async def tell_about() -> dict[str, Any]:
        """The model, its layers, how well probes read, limits, and how the worker stands."""
        page = _page(app)
        worker = {"working": page.worker.current is not None, "waiting": page.queue.waiting}
        return {**page.about, "worker": {**worker, "replaced": page.worker.replaced}}

    @app.get(
        "/api/edits/{job}/export",
        responses={200: {"content": {"application/zip": {}}}, **errors(401, 403, 404, 409, 410)},
        response_class=Response,
    )
    def export(job: str) -> Response:
        """An edit's pictures, and the folder that `underpainting replay` makes again, as a zip."""
        page = _page(app)
        one = page.queue.jobs.get(job)
        if one is None or one.kind != "edit":
            raise HTTPException(404, "there is no such edit, or it is no longer kept")
        if one.state != "finished":
            raise HTTPException(409, f"the edit is {one.state}: it is exported when it is finished")
        made = page.desk.edits.get(job)
        if made is None:
            raise HTTPException(410, "the edit is no longer kept: ask for it again")
        with drawing:
            content = zipped(page.desk, made)
        headers = {"Content-Disposition": 'attachment; filename="edit.zip"'}
        return Response(content, media_type="application/zip", headers=headers)

    @app.get(
        "/api/gallery/{number}.png",
        responses={200: {"content": {"image/png": {}}}, **errors(401, 403, 404, 422)},
        response_class=Response,
    )
    def gallery_picture(number: int) -> Response:
        """A finished picture of the study's gallery."""
        gallery = _page(app).desk.served.study.gallery
        name = f"{number}/final"
        if gallery is None or name not in gallery.arrays:
            raise HTTPException(404, "there is no such picture in the gallery")
        return Response(png_file(gallery.arrays[name]), media_type="image/png")

    @app.get(
        "/api/report",
        responses={200: {"content": {"text/html": {}}}, **errors(401, 403, 404)},
        response_class=FileResponse,
    )
    def report() -> Response:
        """The study's report."""
        file = _page(app).desk.served.study.report_file
        if not file.is_file():
            raise HTTPException(404, "the study has no report")
        return FileResponse(file, media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})

    @app.get("/shared/{name}", include_in_schema=False)
    def shared(name: str) -> Response:
        if name not in SHARED:
            raise HTTPException(404, "there is no such file")
        return FileResponse(TEMPLATES / name, media_type=SHARED[name])

    @app.get("/", include_in_schema=False)
    def index() -> Response:
        return FileResponse(STATIC / "index.html", media_type="text/html")


def zipped(desk: Desk, made: Intervened) -> bytes:
    """A zip of an edit's folder, as `intervene` writes it."""
    with tempfile.TemporaryDirectory() as folder:
        home, file = Path(folder) / "edit", Path(folder) / "edit.zip"
        keep(made, desk.served.study, strip(made), home)
        with zipfile.ZipFile(file, "w") as archive:
            for path in sorted(home.rglob("*")):
                archive.write(path, path.relative_to(home.parent))
        return file.read_bytes()
