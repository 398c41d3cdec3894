"""Several estimators as one: each gives its own properties, as the published study labels with three."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.observers.fingerprints import joined
from underpainting.observers.protocols import Estimator
from underpainting.readers import checked_path
from underpainting.vocabulary import OBJECT


def parts_of(name: str | Path) -> list[str | Path]:
    """The names of several estimators that a name gives with commas between; one that is a folder is one."""
    if checked_path(name).is_dir() or isinstance(name, Path):
        return [name]
    return [part.strip() for part in name.split(",")]


class JoinedEstimator:
    """Estimators of different properties, asked in turn."""

    def __init__(self, parts: Sequence[Estimator]) -> None:
        """Raises UnderpaintingError where two give the same property."""
        self.parts = tuple(parts)
        givers: dict[str, str] = {}
        for part in self.parts:
            for name in part.properties:
                if name in givers:
                    raise UnderpaintingError(
                        f"estimators {givers[name]!r} and {part.name!r} both give {name!r}; name one of them"
                    )
                givers[name] = part.name
        self.properties = tuple(givers)
        self.binary = tuple(
            name for part in self.parts for name in getattr(part, "binary", (OBJECT,)) if name in givers
        )
        self.name = ",".join(part.name for part in self.parts)
        self.fingerprint = joined(part.fingerprint for part in self.parts)

    def __call__(self, pictures: Tensor) -> Mapping[str, Tensor]:
        """All their maps [picture, height, width] by property."""
        return {name: maps for part in self.parts for name, maps in part(pictures).items()}
