"""A study's seals: no file of another study, or of another place in it, passes for its own."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from underpainting.errors import UnderpaintingError
from underpainting.readers import read_json
from underpainting.records import atomic_folder, find_fault, is_lost, require_whole, sealing
from underpainting.study.paths import BATCH_CARD, SEARCH_CARD, StudyPaths

RESTORE = "put it back as it was, with its .sha256, or init another folder"
ASK_AGAIN = "remove it, and give the command that made it again"
TITLE_AGAIN = "give it again by `underpainting report --title`"
PARTS = ("model", "estimator", "labels", "classifier")
"""What of the environment a later run is held to."""


@dataclass(frozen=True)
class SealedFolder(StudyPaths):
    """A study's folder whose files, once it is begun, are sealed as its own and as lying where they lie.

    `prompts.parquet` and `environment.json` say which study it is, and are sealed as nobody's.
    """

    @cached_property
    def identity(self) -> str:
        """What this study has in common with those of the same pictures, settings and weights alone.

        It goes where the folder goes. Raises UnderpaintingError before the first run, and as `recorded`.
        """
        if (recorded := self.recorded()) is None:
            raise UnderpaintingError(
                f"{self.folder} was never run; go on with it by `underpainting run {self.folder}`"
            )
        about = json.dumps([recorded.get(part) for part in ("prompts", "config", *PARTS)], sort_keys=True)
        return hashlib.sha256(about.encode()).hexdigest()[:32]

    def recorded(self) -> dict[str, Any] | None:
        """What the first run recorded, or None before it.

        Raises UnderpaintingError where the file is damaged, or gone though there are shards.
        """
        path = self.environment_file
        if not (path.is_file() or self.shards_folder.is_dir()):
            return None
        require_whole(path, RESTORE)
        recorded = read_json(path, "record of a run", RESTORE)
        if not isinstance(recorded.get("config"), dict):
            raise UnderpaintingError(f"{path} holds no config; {RESTORE}")
        return recorded

    @property
    def remade(self) -> str:
        """What to do where something of the study is missing or damaged, for the end of an error's line."""
        return f"`underpainting run {self.folder}` makes it again"

    @property
    def owner(self) -> str:
        """Whose that is which may lie anywhere."""
        return f"study {self.identity}"

    def origin(self, path: Path) -> str:
        """Whose a path of the study is, and where it lies."""
        if path in (self.prompts_file, self.environment_file):
            return ""
        return f"{Path(os.path.relpath(path, self.folder)).as_posix()} of {self.owner}"

    def origin_beside(self, path: Path) -> str:
        """The same of what lies in the folders of interventions and seeds, some of which may lie anywhere."""
        anywhere = path.is_dir() or any((path.parent / card).exists() for card in (BATCH_CARD, SEARCH_CARD))
        return self.owner if anywhere else self.origin(path)

    def sealing(self, path: Path) -> AbstractContextManager[Path]:
        """As `records.sealing`, as the study's own."""
        return sealing(path, self.origin(path))

    def atomic_folder(self, path: Path) -> AbstractContextManager[Path]:
        """As `records.atomic_folder`, as the study's own."""
        return atomic_folder(path, self.origin(path))

    def fault(self, path: Path) -> str | None:
        """As `records.find_fault`, of the study's own."""
        return find_fault(path, self.origin(path))

    def require(self, path: Path, remedy: str | None = None, only: Collection[str] | None = None) -> Path:
        """Give a path to read from, checked; only: files of a folder, where the others are not read.

        Raises UnderpaintingError where the file or folder is missing, damaged, or not the study's own.
        """
        require_whole(path, remedy or self.remade, self.origin(path), only)
        return path

    def has(self, path: Path, remedy: str | None = None) -> bool:
        """Whether a file that need not be there is there.

        Raises UnderpaintingError as `require`, also where a seal says that it was.
        """
        if not (path.exists() or path.is_symlink() or is_lost(path)):
            return False
        self.require(path, remedy)
        return True
