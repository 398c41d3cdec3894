"""What position alone explains: each token's mean over the fit pictures."""

from __future__ import annotations

from torch import Tensor

from underpainting.probes import TokenMeans, enlarge


def position_map(means: TokenMeans) -> Tensor:
    """The position-only prediction, one map for every picture: [property, token], float32."""
    return means.mean.T.float()


def without_position(label: Tensor, position: Tensor, grid: tuple[int, int]) -> Tensor:
    """Label [picture, height, width] less a position map [token]: each pixel less its token's mean."""
    return label - enlarge(position, grid, (label.shape[-2], label.shape[-1]))
