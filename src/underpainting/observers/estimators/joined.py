"""Several estimators as one: each gives its own properties, as the published study labels with three."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.observers.files import joined

if TYPE_CHECKING:
    from underpainting.observers.estimators import Estimator


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
            name for part in self.parts for name in getattr(part, "binary", ("saliency",)) if name in givers
        )
        self.name = ",".join(part.name for part in self.parts)
        self.fingerprint = joined(part.fingerprint for part in self.parts)

    def __call__(self, pictures: Tensor) -> Mapping[str, Tensor]:
        """All their maps [picture, height, width] by property."""
        return {name: of for part in self.parts for name, of in part(pictures).items()}
