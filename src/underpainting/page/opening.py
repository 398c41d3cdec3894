"""From what is named to the application that serves it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI

from underpainting.page.app import page_app
from underpainting.page.guard import Access
from underpainting.page.making import Desk, empty_memories
from underpainting.page.own_study import own_study
from underpainting.page.served import Served, open_served, require_servable
from underpainting.progress import Progress
from underpainting.study.environment import use_threads
from underpainting.study.study import open_study


def opened(study: Path | None, model: str | None, progress: Progress) -> Callable[[Access], FastAPI]:
    """What gives the application for an access, of a study that is loaded here and once.

    study: folder of a study that is done; None: the still life's own, made where it is not there. model: as
    `open_served`. Raises UnderpaintingError where anything of it is not there.
    """
    folder = own_study(progress) if study is None else open_study(study)
    require_servable(folder)
    progress.start(0, 0, "")
    progress.phase("loading the model")
    first = [open_served(folder, model)]

    def desk() -> Desk:
        """The first worker's desk is loaded already; one that replaces it loads its own."""
        use_threads(folder)
        served: Served = first.pop() if first else open_served(folder, model)
        return Desk(served, *empty_memories())

    return lambda access: page_app(desk, access)
