"""From final pictures to labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError, UnsoundPictures
from underpainting.observers.estimators import Estimator
from underpainting.probes import cell_means
from underpainting.study.request.brought import BroughtLabels
from underpainting.vocabulary import NAME_RULE, OBJECT, Grid, Property, no_name


def choose_properties(labeller: Estimator | BroughtLabels, wanted: Sequence[str]) -> tuple[Property, ...]:
    """The properties asked for (none named: all that there are labels of), in that order.

    An estimator may name its 0/1 properties as `binary`; otherwise `saliency` is the one. Raises
    UnderpaintingError on a property that there are no labels of, or whose name is none.
    """
    if isinstance(labeller, BroughtLabels):
        known = {of.name: of for of in labeller.properties}
    else:
        binary: Any = getattr(labeller, "binary", (OBJECT,))
        known = {name: Property(name, name in binary) for name in labeller.properties}
    if wrong := no_name(known):
        raise UnderpaintingError(f"{labeller.name} gives the property {wrong}, which is no name: {NAME_RULE}")
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.3) or list(known)
            raise UnderpaintingError(f"there are no labels of {name!r}; nearest is {', '.join(near)}")
    return tuple(known[name] for name in dict.fromkeys(wanted or known))


def label_pictures(
    estimator: Estimator, pictures: Tensor, properties: Sequence[Property]
) -> dict[str, Tensor]:
    """Label maps [picture, height, width] by property, float32 on the CPU.

    Raises UnsoundPictures where the estimator fails on some pictures: it raises, or a map has another size
    than the pictures, is not finite, or is binary by name and not 0/1.
    """
    try:
        return _labels(estimator, pictures, properties)
    except MemoryError:
        raise
    except Exception as error:
        reasons = {i: _fault(estimator, pictures[i : i + 1], properties) for i in range(len(pictures))}
        found = {i: reason for i, reason in reasons.items() if reason is not None}
        if not found:  # it fails on the batch alone
            raise UnderpaintingError(
                f"the estimator fails on a batch of {len(pictures)} pictures, not on each: {_one_line(error)}"
            ) from error
        raise UnsoundPictures(found) from error


def _labels(estimator: Estimator, pictures: Tensor, properties: Sequence[Property]) -> dict[str, Tensor]:
    with torch.no_grad():
        maps = estimator(pictures)
    labels = {}
    for found in properties:
        label = maps[found.name].detach().to("cpu", torch.float32)
        if label.shape != (len(pictures), *pictures.shape[-2:]):
            raise ValueError(
                f"{found.name} is {tuple(label.shape)} for pictures {tuple(pictures.shape)}; "
                "it must be [picture, height, width]"
            )
        if not bool(label.isfinite().all()):
            raise ValueError(f"{found.name} holds non-finite values; check its input and weights")
        if found.binary and not bool(((label == 0) | (label == 1)).all()):
            raise ValueError(f"{found.name} is not a map of 0 and 1; threshold it")
        labels[found.name] = label
    return labels


def _fault(estimator: Estimator, picture: Tensor, properties: Sequence[Property]) -> str | None:
    try:
        _labels(estimator, picture, properties)
    except MemoryError:
        raise
    except Exception as error:
        return f"the estimator fails: {_one_line(error)}"
    return None


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def token_labels(labels: Mapping[str, Tensor], grid: Grid) -> Tensor:
    """Labels averaged to a grid's tokens: [picture, token, property]."""
    return torch.stack([cell_means(label, grid) for label in labels.values()], dim=-1)
