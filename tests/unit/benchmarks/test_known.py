"""Held-out scores: what is chosen on calibrate pictures is scored on test pictures."""

import torch
from scipy.stats import spearmanr

from benchmarks.known import held_out_score


def test_dice_uses_the_threshold_and_candidate_of_calibrate_pictures() -> None:
    mask = torch.zeros(4, 4)
    mask[:2] = 1
    good = torch.tensor([0.9, 0.9, 0.1, 0.1])  # grid 2 x 2, object above
    bad = torch.tensor([0.1, 0.9, 0.1, 0.9])
    calibrate = torch.stack([bad, good])[:, None]
    test = torch.stack([good, torch.tensor([0.9, 0.2, 0.1, 0.1])])[:, None]
    # The second candidate is best on calibrate, with threshold 0.5; on test it finds half of the object.
    score = held_out_score([calibrate, test], [mask[None], mask[None]], (2, 2), True)
    assert score == 2 * 4 / (4 + 8)


def test_rank_correlation_equals_scipy_on_enlarged_maps() -> None:
    rng = torch.Generator().manual_seed(1)
    labels = torch.rand(2, 3, 8, 8, generator=rng)
    maps = torch.rand(2, 1, 3, 16, generator=rng)
    enlarged = maps[1, 0].reshape(3, 4, 4).repeat_interleave(2, 1).repeat_interleave(2, 2)
    expected = sum(spearmanr(a.ravel(), b.ravel())[0] for a, b in zip(enlarged, labels[1], strict=True)) / 3
    assert abs(held_out_score(list(maps), list(labels), (4, 4), False) - expected) < 1e-6
