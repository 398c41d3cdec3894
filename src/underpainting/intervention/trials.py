"""What edits are to do, and whether they did: targets drawn at random, scores of what came out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from underpainting.intervention.moves import Move, warp
from underpainting.intervention.painter import Unedited
from underpainting.observers.class_names import right_classes
from underpainting.observers.classifiers import Classifier
from underpainting.probes import Scorer
from underpainting.vocabulary import OBJECT, Property

NEAR, FAR = 90 / 512, 120 / 512
"""How far masks are moved both ways, in shares of the picture (Chen, Viegas and Wattenberg 2023)."""


def draw_moves(masks: Tensor, seeds: Sequence[int], trial: int) -> list[Move]:
    """A translation for each mask [picture, height, width], as far as published, drawn from its seed.

    Of the four ways (left or right, up or down) one of those that keep most of the mask in the picture.
    """
    moves = []
    for mask, seed in zip(masks, seeds, strict=True):
        rng = np.random.default_rng([int(seed), trial])
        right, down = rng.uniform(NEAR, FAR, 2).tolist()
        ways = [Move(x * right, y * down) for x in (-1, 1) for y in (-1, 1)]
        kept = [float(moved(mask[None], [way], empty=True).sum()) for way in ways]
        near_best = [way for way, of in zip(ways, kept, strict=True) if of >= 0.95 * max(kept)]
        moves.append(near_best[rng.integers(len(near_best))])
    return moves


def moved(maps: Tensor, moves: Sequence[Move], *, empty: bool) -> Tensor:
    """Maps [picture, height, width] moved by whole pixels; what comes from outside is empty, or the edge."""
    border = "empty" if empty else "edge"
    size = (maps.shape[-2], maps.shape[-1])
    return warp(maps[:, None], moves, size, border=border, nearest=True)[:, 0]  # type: ignore[arg-type]


def targets(
    labels: Mapping[str, Tensor], moves: Sequence[Move], properties: Sequence[Property]
) -> dict[str, Tensor]:
    """Every property's maps, moved; the border of a binary one is empty, as published."""
    return {of.name: moved(labels[of.name], moves, empty=of.binary) for of in properties}


def agreement(maps: Tensor, wanted: Tensor, of: Property) -> Tensor:
    """Dice of 0/1 maps [picture, height, width], or rank correlation over pixels of others: [picture]."""
    scorer = Scorer({of.name: wanted}, [of])
    grid = (maps.shape[-2], maps.shape[-1])
    return scorer.scores(of.name, maps.flatten(1), grid, threshold=0, parts=False)[of.main_metric]


def judge(
    pictures: Tensor,
    labels: Mapping[str, Tensor],
    unedited: Unedited,
    target: Mapping[str, Tensor],
    properties: Sequence[Property],
    classifier: Classifier | None,
) -> dict[tuple[str, str], Tensor]:
    """Scores of edited pictures, [picture] by (property, metric).

    `target`, `own`: agreement of a property's map with the target's and with the unedited picture's;
    `target_if_kept`: the former, 0 where the classifier's first class is no longer the same. Of the
    picture itself: `class_kept`, 1 where the classifier's first class is that of the unedited picture,
    `class_right`, 1 where the prompt names it (nan where it names no class);
    `colour_change` of the object's mean, and `background_change`, a mean over pixels outside the object
    before and after, both absolute differences of RGB in 0..1.
    """
    found: dict[tuple[str, str], Tensor] = {}
    kept = torch.ones(len(pictures), dtype=torch.float64)
    if classifier is not None:
        first, before = (classifier(of).argmax(-1).cpu() for of in (pictures, unedited.pictures))
        kept = (first == before).double()
        right = [right_classes(row.prompt, classifier.classes) for row in unedited.rows]
        hits = [int(of) in known if known else math.nan for of, known in zip(first, right, strict=True)]
        found["", "class_kept"], found["", "class_right"] = kept, torch.tensor(hits, dtype=torch.float64)
    for of in properties:
        there = agreement(labels[of.name], target[of.name], of)
        found[of.name, "target"], found[of.name, "target_if_kept"] = there, there * kept
        found[of.name, "own"] = agreement(labels[of.name], unedited.labels[of.name], of)
    if OBJECT in labels:
        own, after = unedited.labels[OBJECT], labels[OBJECT]
        change = (_mean_colour(pictures, after) - _mean_colour(unedited.pictures, own)).abs().mean(1)
        found["", "colour_change"] = change
        outside = 1 - torch.maximum(torch.maximum(own, target[OBJECT]), after)
        difference = (pictures - unedited.pictures).abs().mean(1) * outside
        found["", "background_change"] = difference.sum((1, 2)) / outside.sum((1, 2))
    return found


def _mean_colour(pictures: Tensor, masks: Tensor) -> Tensor:
    """[picture, 3], nan where the mask is empty."""
    return (pictures * masks[:, None]).sum((2, 3)) / masks.sum((1, 2))[:, None]
