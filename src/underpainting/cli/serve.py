"""`underpainting serve`: a page on which pictures are watched while they are made, and changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from underpainting.cli._options import Threads

PANEL, PLACE = "Act", 0
EXAMPLES = (
    "underpainting serve",
    "underpainting serve demo --port 8000 --no-open",
    "underpainting serve mine --model models/stable-diffusion-v1-4",
    "underpainting serve --host 0.0.0.0",
)
EXTRA = ("fastapi", "uvicorn")
AGAIN = "the same command goes on with the still life's study"
OTHERS = (
    "others who can reach this machine can reach the page: give the link, with this machine's address in it, "
    "only to those who may use it"
)
ANYONE = "anyone who can reach this machine can use the page: there is no access token"


def serve(
    study: Annotated[
        Path | None,
        typer.Argument(
            metavar="[STUDY]",
            help="Folder of a study that is done.",
            show_default="the still life, with a small study of its own that is made once",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Name or folder that the study's model is loaded from.", show_default="as the study has it"
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine's own need a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")] = 7860,
    public: Annotated[
        bool, typer.Option("--public", help="Without an access token, as behind a proxy that all may use.")
    ] = False,
    open_: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in a browser.", show_default=False)
    ] = True,
    threads: Threads = None,
) -> None:
    """Serve a page: watch a picture come out of noise with what the model knows, and drag its object.

    The page is for this machine alone, unless --host says otherwise. Ctrl-C ends it. docs/page.md has its
    HTTP API.
    """
    from underpainting.errors import UnderpaintingError
    from underpainting.screen import progress

    try:
        from underpainting.page import server
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        raise UnderpaintingError(
            f"the page needs {error.name}, which is not here: `pip install underpainting[page]`"
        ) from None
    listening = server.listen(host, port)
    with progress(AGAIN) as shown:
        from underpainting.page.guard import new_access
        from underpainting.page.opening import opened

        app_of = opened(study, model, shown)
    access = new_access(host, public=public)
    where = server.link(access, listening.getsockname()[1])
    if not access.is_loopback:
        typer.echo(f"underpainting: {ANYONE if public else OTHERS}", err=True)

    def ready() -> None:
        typer.echo(where)
        if open_:
            server.browse(where)

    server.serve_app(app_of(access), listening, ready)
