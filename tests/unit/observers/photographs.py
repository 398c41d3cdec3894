"""Photographs as estimators and classifiers take them."""

import numpy as np
import torch


def photograph(picture: np.ndarray) -> torch.Tensor:
    """A picture uint8 [height, width, 3] as [1, 3, height, width] in 0..1."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] / 255
