"""Wishes: pure functions from the maps of pictures, predicted or an estimator's, to scores in 0..1.

A predicted score and the finished picture's are the same function, on other maps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError, reason
from underpainting.seeds.layout import NEEDS, Maps, grid_of, layouts, on_grid, presence
from underpainting.vocabulary import OBJECT, listed

LARGE, SMALL = 0.25, 0.08
"""Shares of the picture from which on, and up to which, an object is large or small."""

SIDES = {"left": ("light_across", -1), "right": ("light_across", 1), "above": ("light_down", -1)}
SIDES |= {"below": ("light_down", 1)}
"""Where light may come from: the quantity, and its sign."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in 0..1 of the picture."""


@dataclass(frozen=True)
class Wish:
    """What pictures are to be like.

    words: as it was asked for; equal words are one wish. properties: those whose maps it reads; none:
    whatever there is. quantities: those of `QUANTITIES` that it is about; none: nobody knows. score: of maps,
    [picture] in 0..1, float64; 1 where it is met, 0 where there is nothing that it could be met by. weight:
    what it counts for beside others. outline: a mask [row, column] in 0..1 to be drawn on pictures, where it
    wishes for one.
    """

    words: str
    properties: tuple[str, ...]
    quantities: tuple[str, ...]
    score: Callable[[Maps], Tensor] = field(repr=False, compare=False)
    weight: float = 1.0
    outline: Tensor | None = field(default=None, repr=False, compare=False)


def joined(wishes: Sequence[Wish]) -> Wish:
    """Several wishes as one: the mean of their scores by their weights. One is itself."""
    if len(wishes) == 1:
        return wishes[0]
    total = sum(wish.weight for wish in wishes)

    def score(maps: Maps) -> Tensor:
        parts = [wish.score(maps) * (wish.weight / total) for wish in wishes]
        return torch.stack(parts).sum(0)

    needed, about = (
        () if any(not of for of in each) else tuple(dict.fromkeys(name for of in each for name in of))
        for each in ([wish.properties for wish in wishes], [wish.quantities for wish in wishes])
    )
    outlines = [wish.outline for wish in wishes if wish.outline is not None]
    return Wish(
        ", ".join(wish.words for wish in wishes),
        needed,
        about,
        score,
        outline=outlines[0] if outlines else None,
    )


def require_probes(wish: Wish, known: Sequence[str], where: str) -> None:
    """Raise UnderpaintingError where a wish needs a property that is not among those known there."""
    for name in wish.properties:
        if name not in known:
            raise UnderpaintingError(
                f"wish {wish.words!r} needs {name}, of which {where} has no probes; it has those of "
                f"{listed([*known])}"
            )


def placed(words: str, box: Box) -> Wish:
    """The object's middle within a box: 1 - d / D, where d is how far it is from the box, and D how far the
    farthest corner of the picture is. A box of no size is a point.
    """
    left, top, right, bottom = box
    farthest = math.hypot(max(left, 1 - right), max(top, 1 - bottom))

    def score(maps: Maps) -> Tensor:
        quantities = layouts(maps)
        beside = _outside(quantities["across"], left, right), _outside(quantities["down"], top, bottom)
        return _defined(1 - torch.hypot(*beside) / farthest)

    bounded = {"across": right - left < 1, "down": bottom - top < 1}
    return Wish(words, (OBJECT,), tuple(name for name, of in bounded.items() if of), score)


def sized(words: str, low: float, high: float) -> Wish:
    """The object's share of the picture from `low` to `high`: how many times it is too large or too small,
    inverted (`low` / size, or size / `low`).
    """

    def score(maps: Maps) -> Tensor:
        size = layouts(maps)["size"]
        return torch.minimum(size / low, high / size.clamp(min=1e-9)).clamp(0, 1)

    return Wish(words, (OBJECT,), ("size",), score)


def masked(words: str, mask: Tensor) -> Wish:
    """The object where a mask [row, column] in 0..1 is: soft Dice, 2 Σpm / (Σp² + Σm²) over the cells of p,
    `presence` (Milletari et al. 2016, arXiv 1606.04797); of masks of 0 and 1 it is Dice.
    """

    def score(maps: Maps) -> Tensor:
        return soft_dice(presence(maps), mask)

    return Wish(words, (OBJECT,), ("across", "down", "size"), score, outline=mask)


def boxed(words: str, box: Box) -> Wish:
    """The object where a box is, as `masked`; cells that the box covers in part count in part."""
    side = 128  # as fine as pictures' maps need it
    edges = torch.arange(side + 1, dtype=torch.float64) / side
    across, down = (
        ((edges[1:].clamp(max=high) - edges[:-1].clamp(min=low)).clamp(min=0) * side)
        for low, high in ((box[0], box[2]), (box[1], box[3]))
    )
    return masked(words, torch.outer(down, across))


def distant(words: str, *, near: bool) -> Wish:
    """The object near or far: the share of the picture that is farther than it, or that is not."""

    def score(maps: Maps) -> Tensor:
        farther = layouts(maps)["depth"]
        return _defined(farther if near else 1 - farther)

    return Wish(words, (OBJECT, "depth"), ("depth",), score)


def lit(words: str, side: str) -> Wish:
    """The object lit from a side of `SIDES`: (1 + r) / 2, where r is the correlation of its shading with the
    place towards that side.
    """
    quantity, sign = SIDES[side]

    def score(maps: Maps) -> Tensor:
        return _defined((1 + sign * layouts(maps)[quantity]) / 2)

    return Wish(words, (OBJECT, "shading"), (quantity,), score)


def alike(words: str, wanted: Maps) -> Wish:
    """The layout of one picture, whose maps are [1, row, column]: the mean over its properties of soft Dice
    of saliency, and of (1 + r) / 2 of others, where r is the correlation of their maps.
    """

    def score(maps: Maps) -> Tensor:
        return torch.stack([_alike(name, maps, of[0]) for name, of in wanted.items()]).mean(0)

    about = tuple(name for name, needs in NEEDS.items() if set(needs) <= set(wanted))
    outline = wanted[OBJECT][0] if OBJECT in wanted else None
    return Wish(words, tuple(wanted), about, score, outline=outline)


def judged(words: str, function: Callable[[Maps], object]) -> Wish:
    """A function of one's own, from maps by property, tensors [picture, row, column], to a score in 0..1 of
    each. It is called with predicted maps, on grids of tokens, and with those of finished pictures.

    Its score raises UnderpaintingError where the function fails, or gives anything else.
    """

    def score(maps: Maps) -> Tensor:
        count = len(next(iter(maps.values())))
        try:
            scores = torch.as_tensor(function(maps)).double()
        except Exception as error:
            raise UnderpaintingError(f"wish {words} fails: {reason(error)}") from error
        if scores.shape != (count,) or not bool(((scores >= 0) & (scores <= 1)).all()):
            raise UnderpaintingError(
                f"wish {words} gives {list(scores.shape)} of {count} pictures; give a score in 0..1 of each"
            )
        return scores

    return Wish(words, (), (), score)


def soft_dice(there: Tensor, mask: Tensor) -> Tensor:
    """Soft Dice [picture] of maps [picture, row, column] with a mask [row, column], on the maps' grid."""
    wanted = on_grid(mask.double()[None], grid_of(there))
    both = (there * wanted).sum((1, 2))
    return _defined(2 * both / (there.square().sum((1, 2)) + wanted.square().sum()))


def _alike(name: str, maps: Maps, wanted: Tensor) -> Tensor:
    if name == OBJECT:
        return soft_dice(presence(maps), wanted)
    own = maps[name].double()
    other = on_grid(wanted.double()[None], grid_of(own)).expand_as(own)
    pairs = torch.stack([own.flatten(1), other.flatten(1)], dim=1)
    correlations = torch.stack([torch.corrcoef(pair)[0, 1] for pair in pairs])
    return _defined((1 + correlations) / 2)


def _outside(values: Tensor, low: float, high: float) -> Tensor:
    """How far values are below or above what they may be."""
    return (low - values).clamp(min=0) + (values - high).clamp(min=0)


def _defined(scores: Tensor) -> Tensor:
    """Scores in 0..1; what is not defined is met by nothing."""
    return scores.nan_to_num(0).clamp(0, 1)
