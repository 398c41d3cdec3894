"""The only scorer: maps and labels in, named scores out.

What the metrics need of a batch's labels (ranks of pixels, sums under every token) is made once, when it is
first asked for, and serves all layers, steps, branches and sources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.probes.metrics import average_precision, ceiling, dice, pearson, rmse, spearman
from underpainting.probes.patches import Patches, cell_means, enlarge, pixel_ranks
from underpainting.vocabulary import OBJECT, Grid, Property, finest

Scores = dict[str, Tensor]
"""Scores by metric."""

THRESHOLDS = torch.arange(-16, 145, dtype=torch.float64) / 128
"""Candidate thresholds of a binary property's reading; exact in float32."""

WHOLE, CENTRED, INSIDE, OUTSIDE = "whole", "centred", "object", "background"


class Scorer:
    """Scores maps against the labels of a batch of pictures.

    Maps are readings [picture, ..., token] on any grid no finer than the labels; scores are [picture, ...],
    nan where there is none.
    """

    def __init__(
        self,
        labels: Mapping[str, Tensor],
        properties: Sequence[Property],
        positions: Mapping[Grid, Tensor] | None = None,
    ) -> None:
        """Keep the labels [picture, height, width] by property.

        positions: by grid, the mean label of each token over the fit pictures, [property, token]; without
        them nothing can be scored with the position taken out.
        """
        self._labels, self._properties = labels, {of.name: (k, of) for k, of in enumerate(properties)}
        self._positions = dict(positions or {})
        self._cells: dict[tuple[str, Grid], Tensor] = {}
        self._ranks: dict[tuple[str, str, Grid | None], Tensor] = {}
        self._patches: dict[tuple[str, str, Grid, Grid | None, bool], Patches] = {}
        self._turned = False

    def of_others(self) -> Scorer:
        """Scores against the labels of another picture of the batch; a picture alone has only its own.

        That is a control task as Hewitt and Liang (2019) define it: how well does a probe do where there is
        nothing to know? Judged by true labels, shuffled probes find the object after all, as whatever marks
        it also says that a token is likely near the middle.
        """
        other = copy(self)  # what is made of the labels is shared
        other._turned = not self._turned
        return other

    def of_picture(self, i: int) -> Scorer:
        """Scores against the labels of one picture, as a batch of its own."""
        labels = {name: label[i : i + 1] for name, label in self._labels.items()}
        one = Scorer(labels, [of for _, of in self._properties.values()], self._positions)
        one._cells = self._cells
        one._ranks = {key: ranks[i : i + 1] for key, ranks in self._ranks.items()}
        return one

    def scores(
        self,
        name: str,
        read: Tensor,
        grid: Grid,
        *,
        threshold: Tensor | float | None = None,
        mean: Tensor | None = None,
        parts: bool = True,
    ) -> Scores:
        """All scores of one property's readings.

        threshold: of a binary property, [...]; without it there is no Dice, but its `curve` [..., threshold]
        over `THRESHOLDS`. mean [..., token]: the mean reading of each token over the fit pictures; with it
        continuous properties are also scored with the position taken out. parts: they are also scored on the
        object and on the background alone, where there is an object.
        """
        whole = self._of(name, WHOLE, grid, read)
        if self._properties[name][1].binary:
            scores = {"average_precision": average_precision(read, whole)}
            if threshold is None:
                return {**scores, "curve": dice_curve(read, whole).float()}
            limit = torch.as_tensor(threshold, dtype=torch.float64)
            return {"dice": dice(read > limit[..., None], whole), **scores}
        scores = {
            "spearman": spearman(read, whole),
            "pearson": pearson(read, whole),
            "rmse": rmse(read, whole),
        }
        if mean is not None:
            centred, rest = self._of(name, CENTRED, grid, read), read - mean
            scores["spearman_centred"] = spearman(rest, centred)
            scores["pearson_centred"] = pearson(rest, centred)
        for part in (INSIDE, OUTSIDE) if parts and self._has_object else ():
            scores[f"spearman_{part}"] = spearman(read, self._of(name, part, grid, read))
        return scores

    def map_scores(self, name: str, maps: Tensor, threshold: float = 0) -> Scores:
        """Scores of maps [picture, ..., row, column] that no probe read, such as an estimator's.

        A binary property is where its map is above the threshold. The position that is taken out of a map and
        its label is the labels' on the finest probed grid.
        """
        grid, read = (maps.shape[-2], maps.shape[-1]), maps.flatten(-2)
        if self._properties[name][1].binary:
            return self.scores(name, read, grid, threshold=threshold)
        fine = finest(self._positions)
        if (name, grid) not in self._cells:
            self._cells[name, grid] = cell_means(self._position(name, fine), grid)
        scores = self.scores(name, read, grid)
        centred, rest = self._of(name, CENTRED, grid, read, fine), read - self._cells[name, grid]
        scores["spearman_centred"] = spearman(rest, centred)
        scores["pearson_centred"] = pearson(rest, centred)
        return scores

    def ceilings(self, name: str, grid: Grid) -> Scores:
        """The best score [picture] that any map of the grid could have.

        With the position taken out as well where mean labels are known.
        """
        own = self._properties[name][1]
        best = ceiling(self._made(name, WHOLE, grid), own.metrics)
        if not own.binary and self._positions:
            centred = ceiling(self._made(name, CENTRED, grid), ("spearman", "pearson"))
            best |= {f"{metric}_centred": value for metric, value in centred.items()}
            for part in (INSIDE, OUTSIDE) if self._has_object else ():
                best[f"spearman_{part}"] = ceiling(self._made(name, part, grid), ("spearman",))["spearman"]
        return best

    @property
    def _has_object(self) -> bool:
        return OBJECT in self._properties and self._properties[OBJECT][1].binary

    def _position(self, name: str, grid: Grid) -> Tensor:
        """The position-only map of a property at the labels' size, [height, width]."""
        if grid not in self._positions:
            raise UnderpaintingError(f"there are no mean labels on a grid of {grid[0]} x {grid[1]}")
        label = self._labels[name]
        size = (label.shape[-2], label.shape[-1])
        return enlarge(self._positions[grid][self._properties[name][0]], grid, size)

    def _of(self, name: str, part: str, grid: Grid, read: Tensor, position: Grid | None = None) -> Patches:
        return self._made(name, part, grid, position).spread(read.ndim - 2)

    def _made(self, name: str, part: str, grid: Grid, position: Grid | None = None) -> Patches:
        """Patches [picture] of a property's whole label, without position, or on a part of the picture."""
        at = (position or grid) if part == CENTRED else None
        key = (name, part, grid, at, self._turned)
        if key not in self._patches:
            self._patches[key] = (
                self.of_others()._made(name, part, grid, position).turned()
                if self._turned
                else self._summed(name, part, grid, at)
            )
        return self._patches[key]

    def _summed(self, name: str, part: str, grid: Grid, position: Grid | None) -> Patches:
        label = self._labels[name]
        if position is not None:
            label = label - self._position(name, position)
        mask = None
        if part in (INSIDE, OUTSIDE):
            inside = self._labels[OBJECT] > 0
            mask = inside if part == INSIDE else ~inside
        ranks = None
        if not self._properties[name][1].binary:
            key = (name, part, position)
            if key not in self._ranks:
                self._ranks[key] = pixel_ranks(label, mask)
            ranks = self._ranks[key]
        return Patches.of(label, grid, ranks, mask)


def dice_curve(scores: Tensor, patches: Patches) -> Tensor:
    """Dice of the masks `scores > threshold` for every candidate threshold: [..., token] to [..., threshold].

    Each token is counted once, under the number of thresholds below it; sums from above give every mask's
    overlap.
    """
    below = torch.searchsorted(THRESHOLDS, scores.double().contiguous())
    shape = (*scores.shape[:-1], len(THRESHOLDS) + 1)
    area, hits = torch.zeros(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
    area.scatter_add_(-1, below, patches.count.expand(scores.shape).contiguous())
    hits.scatter_add_(-1, below, patches.total.expand(scores.shape).contiguous())
    covered, overlap = (part.flip(-1).cumsum(-1).flip(-1)[..., 1:] for part in (area, hits))
    size = patches.total.sum(-1, keepdim=True)
    return torch.where(size > 0, 2 * overlap / (covered + size), torch.nan)
