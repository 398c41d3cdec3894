"""Whose code a study may run: the classes `module:Class` that a person has named on this machine.

A study names its estimator and its classifier, and a class of one's own is code that is imported. Who makes a
study names its classes by that. A study that came from elsewhere names what a stranger chose: nothing of it
is imported before the person at this machine has said yes to that class, of that file. Each yes is a small
file in this user's state folder (`XDG_STATE_HOME`), never in a study.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from underpainting.errors import UnderpaintingError, reason
from underpainting.observers.estimators import Estimator
from underpainting.observers.joined_estimator import parts_of
from underpainting.observers.own import code_file
from underpainting.observers.registry import own_class
from underpainting.records import write_bytes
from underpainting.study.request.brought import BroughtLabels
from underpainting.study.request.config import StudyConfig
from underpainting.study.study import StudyFolder


def own_classes(config: StudyConfig, labeller: Estimator | BroughtLabels | None = None) -> list[str]:
    """The classes `module:Class` that a config would have imported; labeller: in place of the estimator's."""
    labels = config.labels
    is_given = labeller is not None or labels.folder is not None
    classes = [] if is_given else [own_class("estimator", part) for part in parts_of(labels.estimator)]
    classes += [own_class("classifier", labels.classifier)] if labels.classifier else []
    return [name for name in dict.fromkeys(classes) if name]


def trust(names: Iterable[str]) -> dict[str, str]:
    """Keep a person's yes to classes `module:Class`; returns where the code of each lies.

    Raises UnderpaintingError where a module is not found, or the state folder cannot be written.
    """
    files = {name: code_file(name) for name in names}
    for name, file in files.items():
        if file is None or ":" not in name:
            raise UnderpaintingError(
                f"no class {name!r}: give module:Class, of a module in the current folder or on the Python "
                "path"
            )
    for name, file in files.items():
        record = _record(name, str(file))
        try:
            write_bytes(record, f"{name}\n{file}\n".encode(errors="surrogateescape"))
        except (OSError, UnderpaintingError) as error:
            raise UnderpaintingError(
                f"the yes to {name} cannot be kept in {record.parent} ({reason(error)}); set XDG_STATE_HOME "
                "to a folder of yours"
            ) from error
    return {name: str(file) for name, file in files.items()}


def require_trust(study: StudyFolder, labeller: Estimator | BroughtLabels | None = None) -> None:
    """Raise UnderpaintingError where a study names a class that no person has named on this machine.

    labeller: an object that is worked with in place of the estimator that is named. A class whose module is
    not found is let through: there is nothing to run, and loading says so.
    """
    for name in own_classes(study.config, labeller):
        file = code_file(name)
        if file is not None and not _record(name, file).is_file():
            raise UnderpaintingError(
                f"{study.folder} names the class {name}, which would run the code of {file}, and nobody has "
                f"said yes to it here: read that code, then give `underpainting trust {name}`"
            )


def _record(name: str, file: str) -> Path:
    """Where a yes to a class of a file is kept."""
    given = Path(os.environ.get("XDG_STATE_HOME", ""))
    try:
        home = given if given.is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError:
        raise UnderpaintingError("there is no home folder to remember in: set XDG_STATE_HOME") from None
    key = hashlib.sha256(f"{name}\n{file}".encode(errors="surrogateescape")).hexdigest()
    return home / "underpainting" / "trusted" / key
