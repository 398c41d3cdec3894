"""Settings of a study by the names that they have as options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from underpainting.errors import UnderpaintingError
from underpainting.study.request.config import StudyConfig, nearest


@dataclass(frozen=True)
class Option:
    """A setting under its name as an option of the command line and of `Study.create`."""

    section: str
    key: str
    field: FieldInfo

    @property
    def is_first(self) -> bool:
        """Whether the command line has it as an option of its own, not by `--set` alone."""
        return bool(self.field.json_schema_extra["first"])  # type: ignore[index]


def options() -> dict[str, Option]:
    """All settings by their names as options: the config's own, but for the few that would not be clear."""
    named = {}
    for section, own in StudyConfig.model_fields.items():
        assert isinstance(own.annotation, type) and issubclass(own.annotation, BaseModel)
        for key, field in own.annotation.model_fields.items():
            named[field.title or key] = Option(section, key, field)
    return named


def by_section(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings by option name, section by section. Raises UnderpaintingError on an unknown name."""
    known = options()
    sections: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        if name not in known:
            raise UnderpaintingError(f"no setting {name!r}; {nearest(name, known)}")
        sections.setdefault(known[name].section, {})[known[name].key] = value
    return sections
