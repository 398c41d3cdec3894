"""Shuffled labels: every picture gets the labels of another picture of its batch."""

from __future__ import annotations

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError


def shuffled(labels: Tensor) -> Tensor:
    """Roll labels [picture, ...] by one picture, so that none keeps its own.

    Raises UnderpaintingError on a batch of one picture.
    """
    if len(labels) < 2:
        raise UnderpaintingError(
            "a batch of one picture has no other labels to be given; use a batch size of 2 or more"
        )
    return torch.roll(labels, 1, dims=0)
