"""Where things are to go: translations, scalings, rotations and mirrorings of maps and of token grids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from underpainting.errors import UnderpaintingError


@dataclass(frozen=True)
class Move:
    """How a map is moved: mirrored, scaled and turned about a centre, then translated.

    right, down: shares of the picture's width and height. scale: factor of size. angle: degrees clockwise.
    mirrored: left and right changed. centre: (right, down) of what stays in its place, shares of the picture.
    """

    right: float = 0.0
    down: float = 0.0
    scale: float = 1.0
    angle: float = 0.0
    mirrored: bool = False
    centre: tuple[float, float] = (0.5, 0.5)

    def __post_init__(self) -> None:
        """Raises UnderpaintingError where a number is not finite or the scale not positive."""
        numbers = (self.right, self.down, self.scale, self.angle, *self.centre)
        if not all(map(math.isfinite, numbers)) or self.scale <= 0:
            raise UnderpaintingError(f"{self} cannot be done: give finite numbers and a scale above 0")

    @property
    def opposite(self) -> Move:
        """The same move to the other side."""
        return Move(-self.right, -self.down, self.scale, self.angle, self.mirrored, self.centre)


STAY = Move()


def warp(
    maps: Tensor,
    moves: Sequence[Move],
    size: tuple[int, int],
    *,
    border: Literal["edge", "empty"] = "edge",
    nearest: bool = False,
) -> Tensor:
    """Maps [picture, channel, h, w], each moved by its own move; one that stays is bit-equal.

    size: (height, width) of the picture, whose aspect turning and scaling keep. border: where nothing comes
    from, the map's edge as published for depth, or 0. Between tokens values are interpolated linearly, or
    taken from the nearest.
    """
    theta = torch.stack([_back(move, size) for move in moves])
    stays = (theta == torch.eye(2, 3)).all(2).all(1).to(maps.device)
    grid = affine_grid(theta.to(maps), list(maps.shape), align_corners=False)
    moved = grid_sample(
        maps,
        grid,
        mode="nearest" if nearest else "bilinear",
        padding_mode="border" if border == "edge" else "zeros",
        align_corners=False,
    )
    return torch.where(stays[:, None, None, None], maps, moved)


def warp_tokens(
    tokens: Tensor, moves: Sequence[Move], grid: tuple[int, int], size: tuple[int, int]
) -> Tensor:
    """Activations [picture, token, channel] on a grid (rows, columns), moved; edges fill what is empty."""
    maps = tokens.transpose(1, 2).reshape(len(tokens), -1, *grid)
    return warp(maps, moves, size).flatten(2).transpose(1, 2)


def _back(move: Move, size: tuple[int, int]) -> Tensor:
    """From places in the moved map to places in the map, [2, 3], in the coordinates of `affine_grid`."""
    turn = math.radians(move.angle)
    cos, sin = math.cos(turn) / move.scale, math.sin(turn) / move.scale
    mirror = -1.0 if move.mirrored else 1.0
    aspect = size[0] / size[1]
    # In pixels x and y are of one length; affine_grid's run from -1 to 1 over width and height.
    exact = torch.float64
    linear = torch.tensor([[mirror * cos, mirror * sin * aspect], [-sin / aspect, cos]], dtype=exact)
    centre = torch.tensor(move.centre, dtype=exact) * 2 - 1
    shift = torch.tensor([move.right, move.down], dtype=exact) * 2
    return torch.cat([linear, (centre - linear @ (centre + shift))[:, None]], dim=1)
