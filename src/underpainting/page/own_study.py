"""The still life's own small study, from which it is served where no other is named: made once, kept."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from underpainting import stilllife, workflow
from underpainting.errors import UnderpaintingError
from underpainting.progress import Progress
from underpainting.records import sha256_file
from underpainting.screen import drawn_progress
from underpainting.study.request.config import ControlsConfig, PromptsConfig, StudyConfig, config_toml
from underpainting.study.study import StudyFolder, open_study

PICTURES = 72
"""As many as make probes that are worth looking at, in a minute or two on two cores."""

SMALL = StudyConfig(
    prompts=PromptsConfig(file="stilllife", limit=PICTURES),
    model=workflow.DEMO.model,
    labels=workflow.DEMO.labels,
    controls=ControlsConfig(use=()),
)


def own_study(progress: Progress) -> StudyFolder:
    """The study, made or gone on with where it is not done.

    It lies in the user's cache, under a name that other weights or settings do not have. Raises
    UnderpaintingError where the cache cannot be written.
    """
    folder = cache() / "page" / _name()
    if not (folder / "study.toml").is_file():
        workflow.init(folder, SMALL, progress=progress)
    study = open_study(folder)
    return study if study.is_done and study.report_file.is_file() else workflow.run(study, progress=progress)


def cache() -> Path:
    """This user's folder for what can be made again: `underpainting` in `XDG_CACHE_HOME` or `~/.cache`.

    Raises UnderpaintingError where there is no home folder.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        home = given if given.is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        raise UnderpaintingError("there is no home folder to keep a study in: set XDG_CACHE_HOME") from None
    return home / "underpainting"


def _name() -> str:
    """A short name that only this study of these weights has."""
    weights = sorted(stilllife.folder().rglob("*.safetensors"))
    told = [config_toml(SMALL), *map(sha256_file, weights)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


if __name__ == "__main__":  # as the Dockerfile makes it beforehand
    with drawn_progress() as shown:
        own_study(shown)
