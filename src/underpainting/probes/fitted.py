"""A probe fitted to somebody's own activations, scored on pictures it was not fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.probes.metrics import best_threshold, spearman
from underpainting.probes.moments import Moments
from underpainting.probes.patches import Patches, cell_means, pixel_ranks, square_grid
from underpainting.probes.probe import Probe
from underpainting.probes.score import Scorer
from underpainting.probes.solve import ridge
from underpainting.vocabulary import STRENGTHS, Grid, Property


@dataclass(frozen=True)
class FittedProbe:
    """A probe fitted to somebody's own activations, with its scores on held-out pictures.

    probe: readings [picture, token] of activations [picture, token, channel]. scores and ceiling: metric name
    to the mean over test pictures. threshold is None for a continuous label.
    """

    probe: Probe
    grid: Grid
    strength: float
    threshold: float | None
    scores: dict[str, float]
    ceiling: dict[str, float]


def fit(
    activations: Tensor,
    labels: Tensor,
    *,
    grid: Grid | None = None,
    strengths: Sequence[float] = STRENGTHS,
    calibrate_share: float = 0.2,
    test_share: float = 0.2,
    seed: int = 0,
) -> FittedProbe:
    """Fit a probe to activations [picture, token, channel] and labels [picture, H, W] or [picture, token].

    A label of only 0 and 1 is binary (Dice, average precision), any other continuous (Spearman, Pearson,
    RMSE). grid (rows, columns) is a square where left out. Pictures are split at random from `seed`: strength
    and threshold come from the calibrate share, scores from the test share. Raises UnderpaintingError where
    shapes do not fit, pictures are too few, or values are not finite.
    """
    if activations.ndim != 3 or labels.ndim not in (2, 3):
        raise UnderpaintingError(
            f"activations {tuple(activations.shape)} and labels {tuple(labels.shape)} are not "
            "[picture, token, channel] and [picture, H, W] or [picture, token]; give them so"
        )
    grid = square_grid(activations.shape[1]) if grid is None else grid
    if labels.ndim == 2 and labels.shape[1] != grid[0] * grid[1]:
        raise UnderpaintingError(
            f"labels {tuple(labels.shape)} are not [picture, token] on a grid of {grid[0]} x {grid[1]}; "
            "give one a token, or maps [picture, H, W]"
        )
    maps = labels if labels.ndim == 3 else labels.reshape(-1, *grid)
    _check(activations, maps, grid)
    calibrate, test, chosen = _split(len(maps), calibrate_share, test_share, seed)
    binary = bool(((maps == 0) | (maps == 1)).all())

    moments = Moments(activations.shape[2], 1)
    for part in torch.split(chosen, 16):
        moments.update(activations[part], cell_means(maps[part], grid)[..., None])
    solution = ridge(moments, strengths)

    every = Probe(solution.weight[..., 0], solution.bias[:, 0]).float()
    predicted = every.apply(activations[calibrate]).movedim(-1, 0)  # [strength, picture, token]
    patches = Patches.of(maps[calibrate], grid, None if binary else pixel_ranks(maps[calibrate]))
    if binary:
        thresholds, quality = best_threshold(predicted.movedim(0, 1), patches)
    else:
        quality = spearman(predicted, patches).nanmean(-1)
    best = int(quality.nan_to_num(-1).argmax())
    threshold = float(thresholds[best]) if binary else None

    probe = every.pick(best)
    scorer = Scorer({"label": maps[test]}, [Property("label", binary)])
    scores = scorer.scores("label", probe.apply(activations[test]), grid, threshold=threshold)
    ceilings = scorer.ceilings("label", grid)
    return FittedProbe(probe, grid, strengths[best], threshold, _means(scores), _means(ceilings))


def _check(activations: Tensor, maps: Tensor, grid: Grid) -> None:
    if activations.shape[:2] != (len(maps), grid[0] * grid[1]):
        raise UnderpaintingError(
            f"activations {tuple(activations.shape)} are not [picture, token, channel] for {len(maps)} "
            f"labels and a grid of {grid[0]} x {grid[1]}; give as many pictures as labels, or the grid"
        )
    if not (activations.isfinite().all() and maps.isfinite().all()):
        raise UnderpaintingError("activations or labels hold non-finite values; drop those pictures")


def _split(
    pictures: int, calibrate_share: float, test_share: float, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Picture numbers of calibrate, test and fit, disjoint and shuffled."""
    sizes = [max(1, round(share * pictures)) for share in (calibrate_share, test_share)]
    if sum(sizes) >= pictures:
        raise UnderpaintingError(
            f"{pictures} pictures leave none to fit beside {sizes[0]} to calibrate and {sizes[1]} to test; "
            "give more pictures or smaller shares"
        )
    order = torch.randperm(pictures, generator=torch.Generator().manual_seed(seed))
    calibrate, test, chosen = torch.split(order, [*sizes, pictures - sum(sizes)])
    return calibrate, test, chosen


def _means(scores: dict[str, Tensor]) -> dict[str, float]:
    return {name: float(values.nanmean()) for name, values in scores.items()}
