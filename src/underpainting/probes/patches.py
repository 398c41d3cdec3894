"""What the metrics need of a label, summed over the pixels under each token: no map is ever enlarged."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.vocabulary import Grid


@dataclass(frozen=True)
class Patches:
    """A label's sums under each token of a grid, float64; leading dimensions [...] are pictures.

    count [token] pixels, or [..., token] where only some pixels count; total [..., token] sum of the label;
    scatter [...] sum of squared deviations of the label from its picture's mean; rank_total [..., token] sum
    of pixel ranks and rank_scatter [...] likewise, or None where no ranks were given. Pixel i of H lies under
    token row floor(i h / H).
    """

    grid: Grid
    size: Grid
    count: Tensor
    total: Tensor
    scatter: Tensor
    rank_total: Tensor | None
    rank_scatter: Tensor | None

    @classmethod
    def of(
        cls, label: Tensor, grid: Grid, ranks: Tensor | None = None, mask: Tensor | None = None
    ) -> Patches:
        """Sum a label [..., height, width] under a grid (rows, columns).

        `ranks` is `pixel_ranks(label)`, computed once a picture and shared between grids; only Spearman needs
        it. `mask` [..., height, width], boolean, says which pixels count (all where left out; the ranks must
        be of the same). Raises UnderpaintingError where the grid is finer than the label.
        """
        rows, columns = _membership(label, grid)
        if mask is None:
            count = torch.outer(rows.sum(0), columns.sum(0)).flatten()
        else:
            count = (rows.T @ mask.double() @ columns).flatten(-2)
        total, scatter = _sums(label, rows, columns, mask)
        ranked = (None, None) if ranks is None else _sums(ranks, rows, columns, mask)
        size = (label.shape[-2], label.shape[-1])
        return cls(grid, size, count, total, scatter, *ranked)

    def spread(self, extra: int) -> Patches:
        """The same, its pictures followed by so many dimensions of 1: for readings [picture, ..., token]."""
        return self._each(lambda part: part.reshape(len(part), *(1,) * extra, *part.shape[1:]))

    def turned(self) -> Patches:
        """Patches whose pictures have each got those of the picture before, as `shuffled` turns labels."""
        return self._each(lambda part: part.roll(1, 0))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Patches:
        ranks = (self.rank_total, self.rank_scatter)
        rank_total, rank_scatter = (None if part is None else change(part) for part in ranks)
        count = self.count if self.count.ndim == 1 else change(self.count)
        return Patches(
            self.grid, self.size, count, change(self.total), change(self.scatter), rank_total, rank_scatter
        )


def pixel_ranks(label: Tensor, mask: Tensor | None = None) -> Tensor:
    """Average rank, from 1, of every pixel within its picture: [..., height, width] to the same, float64.

    With a boolean mask, among its pixels alone; ranks of the others mean nothing.
    """
    if mask is not None:
        label = label.masked_fill(~mask, torch.inf)
    values, order = sort_tokens(label.flatten(-2))
    first, last = tie_ends(values)
    ranks = torch.empty_like(values, dtype=torch.float64)
    ranks.scatter_(-1, order, (first + last).double() / 2 + 1)
    return ranks.reshape(label.shape)


def cell_means(label: Tensor, grid: Grid) -> Tensor:
    """Mean of a label [..., height, width] under each token of a grid: [..., token], float32.

    Least squares on these equals least squares on the full-size label. Raises as `Patches.of`.
    """
    rows, columns = _membership(label, grid)
    total = rows.T @ label.double() @ columns
    return (total / torch.outer(rows.sum(0), columns.sum(0))).flatten(-2).float()


def enlarge(tokens: Tensor, grid: Grid, size: Grid) -> Tensor:
    """Nearest enlargement of token maps [..., token] to [..., height, width]."""
    rows, columns = (torch.arange(n, device=tokens.device) * g // n for n, g in zip(size, grid, strict=True))
    return tokens.reshape(*tokens.shape[:-1], *grid)[..., rows[:, None], columns[None, :]]


def square_grid(tokens: int) -> Grid:
    """Grid of a square number of tokens. Raises UnderpaintingError where it is not square."""
    side = math.isqrt(tokens)
    if side * side != tokens:
        raise UnderpaintingError(f"{tokens} tokens make no square grid; give grid=(rows, columns)")
    return side, side


def sort_tokens(values: Tensor, *, descending: bool = False) -> tuple[Tensor, Tensor]:
    """Sort along the last dimension: values in order, and their indices; ties in any order.

    On a CPU by numpy, whose sort is two to three times as fast as torch's.
    """
    if values.device.type != "cpu":
        return values.sort(dim=-1, descending=descending)
    values = values.detach() if values.dtype == torch.float64 else values.detach().float()
    order = torch.from_numpy(np.argsort((-values if descending else values).numpy(), axis=-1))
    return values.gather(-1, order), order


def tie_ends(ordered: Tensor) -> tuple[Tensor, Tensor]:
    """Index of the first and the last member of each element's group of equal values, in the last dimension.

    `ordered` [..., n] is sorted either way; both results are int64 [..., n].
    """
    n = ordered.shape[-1]
    index = torch.arange(n, device=ordered.device)
    change = ordered[..., 1:] != ordered[..., :-1]
    if bool(change.all()):  # the usual case, several times as fast
        return (index.expand(ordered.shape),) * 2
    edge = torch.ones_like(ordered[..., :1], dtype=torch.bool)
    first = torch.where(torch.cat([edge, change], -1), index, 0).cummax(-1).values
    last = torch.where(torch.cat([change, edge], -1), index, n - 1).flip(-1).cummin(-1).values.flip(-1)
    return first, last


def _membership(label: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """0/1 matrices [height, rows] and [width, columns]: which token each pixel row and column is under."""
    if label.ndim < 2 or not 0 < grid[0] <= label.shape[-2] or not 0 < grid[1] <= label.shape[-1]:
        raise UnderpaintingError(
            f"a label [..., height, width] must be at least as fine as the grid {grid[0]} x {grid[1]}, "
            f"got {tuple(label.shape)}; give the label at the picture's size"
        )
    return _under(label.shape[-2], grid[0], label.device), _under(label.shape[-1], grid[1], label.device)


@lru_cache(maxsize=64)
def _under(pixels: int, tokens: int, device: torch.device) -> Tensor:
    token = torch.arange(pixels, device=device) * tokens // pixels
    return (token[:, None] == torch.arange(tokens, device=device)).double()


def _sums(pixels: Tensor, rows: Tensor, columns: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Sum under each token [..., token], and squared deviations' sum [...]: exactly 0 for a constant map."""
    pixels = pixels.double()
    flat = pixels.flatten(-2)
    if mask is None:
        constant = (flat == flat[..., :1]).all(-1)
        scatter = (flat - flat.mean(-1, keepdim=True)).square().sum(-1)
        return (rows.T @ pixels @ columns).flatten(-2), scatter.masked_fill(constant, 0)
    chosen = mask.expand(pixels.shape).flatten(-2)
    constant = constant_among(flat, chosen)
    inside = flat.masked_fill(~chosen, 0)
    mean = inside.sum(-1, keepdim=True) / chosen.sum(-1, keepdim=True)
    scatter = (inside - mean).masked_fill(~chosen, 0).square().sum(-1)
    total = rows.T @ inside.reshape(pixels.shape) @ columns
    return total.flatten(-2), scatter.masked_fill(constant, 0)


def constant_among(values: Tensor, chosen: Tensor) -> Tensor:
    """Whether all chosen values [..., n] are the same, or none is chosen: [...]."""
    low = values.masked_fill(~chosen, torch.inf).amin(-1)
    high = values.masked_fill(~chosen, -torch.inf).amax(-1)
    return low >= high
