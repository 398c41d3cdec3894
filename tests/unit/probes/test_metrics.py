"""Scores of token maps against SciPy and scikit-learn on enlarged maps; ceilings against all maps."""

from collections.abc import Sequence
from itertools import permutations, product

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import average_precision_score, f1_score

from tests.unit.probes.test_patches import SHAPES, pixels
from underpainting.errors import UnderpaintingError
from underpainting.probes import (
    Patches,
    average_precision,
    best_threshold,
    ceiling,
    cell_means,
    dice,
    enlarge,
    pearson,
    pixel_ranks,
    rmse,
    spearman,
)
from underpainting.vocabulary import BINARY, CONTINUOUS

METRICS = {
    "average_precision": average_precision,
    "spearman": spearman,
    "pearson": pearson,
    "rmse": rmse,
}


def score(
    prediction: torch.Tensor, patches: Patches, names: Sequence[str], threshold: float = 0
) -> dict[str, torch.Tensor]:
    """Metrics by name, Dice of what is above the threshold."""
    return {
        name: dice(prediction > threshold, patches) if name == "dice" else METRICS[name](prediction, patches)
        for name in names
    }


CASES = st.tuples(st.sampled_from(SHAPES), st.integers(0, 10_000), st.booleans())


def draw(size, grid, seed: int, tied: bool, steps: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    label = torch.randn(size, generator=generator)
    prediction = torch.randn(steps, grid[0] * grid[1], generator=generator)
    return (label.mul(2).round(), prediction.round()) if tied else (label, prediction)


@settings(max_examples=60)
@given(CASES)
def test_continuous_metrics_equal_scipy_on_enlarged_maps(case) -> None:
    (size, grid), seed, tied = case
    label, prediction = draw(size, grid, seed, tied)
    patches = Patches.of(label, grid, pixel_ranks(label))
    found = score(prediction, patches, CONTINUOUS)
    truth = label.double().numpy().ravel()
    for step, tokens in enumerate(prediction):
        guess = pixels(tokens, grid, size).ravel()
        constant = np.ptp(guess) == 0 or np.ptp(truth) == 0
        expected = {
            "spearman": np.nan if constant else stats.spearmanr(guess, truth).statistic,
            "pearson": np.nan if constant else stats.pearsonr(guess, truth).statistic,
            "rmse": np.sqrt(np.mean((guess - truth) ** 2)),
        }
        for name in CONTINUOUS:
            np.testing.assert_allclose(found[name][step].item(), expected[name], rtol=1e-6, atol=1e-9)


@settings(max_examples=60)
@given(CASES)
@example((((12, 10), (5, 3)), 1488, True))  # patches of the same mean, of a label that is not constant
def test_metrics_on_some_pixels_equal_scipy_on_those(case) -> None:
    (size, grid), seed, tied = case
    label, prediction = draw(size, grid, seed, tied)
    masks = torch.rand((2, *size), generator=torch.Generator().manual_seed(seed)) < torch.tensor(
        [0.5, 0.04]
    ).reshape(2, 1, 1)
    both = label.expand(2, *size)[:, None]
    patches = Patches.of(both, grid, pixel_ranks(both, masks[:, None]), masks[:, None])
    found = score(prediction, patches, CONTINUOUS)
    best = ceiling(patches, ("spearman", "pearson"))
    for k, mask in enumerate(masks.numpy()):
        truth = label.double().numpy()[mask]
        for step, tokens in enumerate(prediction):
            guess = pixels(tokens, grid, size)[mask]
            constant = len(truth) == 0 or np.ptp(guess) == 0 or np.ptp(truth) == 0
            expected = {
                "spearman": np.nan if constant else stats.spearmanr(guess, truth).statistic,
                "pearson": np.nan if constant else stats.pearsonr(guess, truth).statistic,
                "rmse": np.sqrt(np.mean((guess - truth) ** 2)) if len(truth) else np.nan,
            }
            for name in CONTINUOUS:
                np.testing.assert_allclose(found[name][k, step].item(), expected[name], rtol=1e-6, atol=1e-9)
                if name == "pearson" and not constant:
                    assert best[name][k].item() >= expected[name] - 1e-9
        # Cells differ in size: the rank ceiling is that of mean ranks, not the best of all maps.
        of_pixel = pixels(torch.arange(grid[0] * grid[1]), grid, size)[mask]
        of_rank = stats.rankdata(truth)
        guess = np.array([of_rank[of_pixel == token].sum() / (of_pixel == token).sum() for token in of_pixel])
        constant = len(truth) == 0 or np.ptp(guess) == 0 or np.ptp(truth) == 0
        wanted = np.nan if constant else stats.spearmanr(guess, truth).statistic
        np.testing.assert_allclose(best["spearman"][k].item(), wanted, rtol=1e-6, atol=1e-9)


@settings(max_examples=60)
@given(CASES)
def test_binary_metrics_equal_scikit_learn_on_enlarged_maps(case) -> None:
    (size, grid), seed, tied = case
    label, prediction = draw(size, grid, seed, tied)
    label = (label > 0.4).float()
    label[0, 0] = 1
    found = score(prediction, Patches.of(label, grid), BINARY, 0.25)
    truth = label.numpy().ravel()
    for step, tokens in enumerate(prediction):
        guess = pixels(tokens, grid, size).ravel()
        np.testing.assert_allclose(
            found["average_precision"][step].item(), average_precision_score(truth, guess), rtol=1e-9
        )
        expected = f1_score(truth, guess > 0.25, zero_division=0)
        np.testing.assert_allclose(found["dice"][step].item(), expected, rtol=1e-9)


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_large_picture_with_offset_labels_to_six_digits(scale: float) -> None:
    generator = torch.Generator().manual_seed(0)
    label = (torch.rand(128, 128, generator=generator) + 20) * scale
    prediction = cell_means(label, (16, 16)) + 0.05 * scale * torch.randn(256, generator=generator)
    found = score(prediction, Patches.of(label, (16, 16), pixel_ranks(label)), CONTINUOUS)
    guess, truth = pixels(prediction, (16, 16), (128, 128)).ravel(), label.double().numpy().ravel()
    np.testing.assert_allclose(found["pearson"].item(), stats.pearsonr(guess, truth).statistic, atol=1e-6)
    np.testing.assert_allclose(found["spearman"].item(), stats.spearmanr(guess, truth).statistic, atol=1e-6)
    np.testing.assert_allclose(found["rmse"].item(), np.sqrt(np.mean((guess - truth) ** 2)), rtol=1e-6)


def test_many_pictures_at_once_equal_one_by_one() -> None:
    generator = torch.Generator().manual_seed(4)
    label = torch.randn(3, 12, 12, generator=generator)
    mask = (label > 0.5).float()
    prediction = torch.randn(5, 3, 16, generator=generator)  # [step, picture, token]
    together = score(prediction, Patches.of(label, (4, 4), pixel_ranks(label)), CONTINUOUS)
    together |= score(prediction, Patches.of(mask, (4, 4)), BINARY, 0.1)
    together_best = ceiling(Patches.of(label, (4, 4), pixel_ranks(label)), CONTINUOUS)
    for i in range(3):
        one = Patches.of(label[i], (4, 4), pixel_ranks(label[i]))
        alone = score(prediction[:, i], one, CONTINUOUS)
        alone |= score(prediction[:, i], Patches.of(mask[i], (4, 4)), BINARY, 0.1)
        for name, values in alone.items():
            torch.testing.assert_close(together[name][:, i], values)
        for name, values in ceiling(one, CONTINUOUS).items():
            torch.testing.assert_close(together_best[name][i], values)


def test_position_taken_out_equals_scipy_on_centred_maps() -> None:
    generator = torch.Generator().manual_seed(5)
    label, means = torch.randn(12, 12, generator=generator), torch.randn(16, generator=generator)
    prediction, own_means = torch.randn(2, 16, generator=generator)
    centred = label - enlarge(means, (4, 4), (12, 12))
    found = score(
        prediction - own_means, Patches.of(centred, (4, 4), pixel_ranks(centred)), ("spearman", "pearson")
    )
    truth = (label.double().numpy() - pixels(means, (4, 4), (12, 12))).ravel()
    guess = pixels(prediction - own_means, (4, 4), (12, 12)).ravel()
    np.testing.assert_allclose(found["pearson"].item(), stats.pearsonr(guess, truth).statistic, rtol=1e-6)
    np.testing.assert_allclose(found["spearman"].item(), stats.spearmanr(guess, truth).statistic, rtol=1e-6)


def test_scores_that_do_not_exist_are_nan() -> None:
    label = torch.rand(8, 8, generator=torch.Generator().manual_seed(0)) + 0.1
    flat = torch.full((8, 8), 0.1)
    varied, constant = torch.arange(4.0), torch.full((4,), 0.1)
    ranked, flat_ranked = (Patches.of(x, (2, 2), pixel_ranks(x)) for x in (label, flat))
    empty = Patches.of(torch.zeros(8, 8), (2, 2))
    for metric in (spearman, pearson):
        assert metric(constant, ranked).isnan() and metric(varied, flat_ranked).isnan()
        assert not metric(varied, ranked).isnan()
    assert dice(varied > 1, empty).isnan() and average_precision(varied, empty).isnan()
    assert all(value.isnan() for value in ceiling(empty, BINARY).values())
    assert dice(varied > 9, Patches.of(torch.ones(8, 8), (2, 2))) == 0


def test_dice_ceiling_is_the_best_of_all_token_sets() -> None:
    for seed, size in product(range(6), [(9, 9), (7, 8)]):
        generator = torch.Generator().manual_seed(seed)
        patches = Patches.of((torch.rand(size, generator=generator) > 0.6).float(), (3, 3))
        every = torch.tensor(list(product([False, True], repeat=9)))
        torch.testing.assert_close(ceiling(patches, ["dice"])["dice"], dice(every, patches).max())


def test_rank_and_precision_ceilings_are_the_best_of_all_orders() -> None:
    orders = torch.tensor(list(permutations(range(6))))
    for seed in range(6):
        generator = torch.Generator().manual_seed(seed)
        label = torch.randn(6, 6, generator=generator)
        patches = Patches.of(label, (2, 3), pixel_ranks(label))
        torch.testing.assert_close(
            ceiling(patches, ["spearman"])["spearman"], spearman(orders, patches).max()
        )
        mask = Patches.of((label > 0.3).float(), (2, 3))
        best = average_precision(orders, mask).max()
        assert ceiling(mask, ["average_precision"])["average_precision"] >= best - 1e-12


def test_no_nearby_map_beats_the_pearson_and_rmse_ceilings() -> None:
    generator = torch.Generator().manual_seed(0)
    label = torch.randn(10, 10, generator=generator)
    patches = Patches.of(label, (3, 3), pixel_ranks(label))
    best = ceiling(patches, ["pearson", "rmse"])
    near = cell_means(label, (3, 3)) + 0.1 * torch.randn(500, 9, generator=generator)
    assert best["pearson"] >= pearson(near, patches).max()
    assert best["rmse"] <= rmse(near, patches).min()


@pytest.mark.parametrize(
    ("diameter", "cell", "expected"),
    [
        (24, 8, 0.84),
        (40, 8, 0.90),
        (64, 8, 0.94),
        (24, 16, 0.68),
        (40, 16, 0.81),
        (64, 16, 0.88),
    ],
)
def test_dice_ceilings_of_discs_are_the_known_ones(diameter: int, cell: int, expected: float) -> None:
    rows, columns = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    generator = torch.Generator().manual_seed(0)
    centres = 64 + 16 * torch.rand(40, 2, generator=generator)
    discs = torch.stack(
        [((rows - y) ** 2 + (columns - x) ** 2 < diameter**2 / 4).float() for y, x in centres]
    )
    best = ceiling(Patches.of(discs, (128 // cell, 128 // cell)), ["dice"])["dice"]
    assert abs(best.mean().item() - expected) < 0.015


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.booleans())
def test_best_threshold_beats_every_other(seed: int, tied: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    label = (torch.rand(4, 6, 6, generator=generator) > 0.7).float()
    label[3] = 0  # does not count
    scores = torch.randn(4, 2, 9, generator=generator)  # [picture, strength, token]
    scores = scores.mul(2).round() if tied else scores
    patches = Patches.of(label, (3, 3))
    threshold, reached = best_threshold(scores, patches)
    for strength in range(2):
        one = scores[:, strength]
        values = one[:3].unique().double()
        candidates = torch.cat([values[:1] - 1, values])  # masks are strictly above: these are all there are
        means = dice(one > candidates[:, None, None], patches).nanmean(-1)
        torch.testing.assert_close(reached[strength], means.max())
        torch.testing.assert_close(dice(one > threshold[strength], patches).nanmean(), reached[strength])


def test_what_cannot_be_scored_is_refused() -> None:
    label = torch.rand(4, 4)
    with pytest.raises(UnderpaintingError, match="at least as fine"):
        Patches.of(label, (8, 8))
    patches = Patches.of(label, (2, 2))
    with pytest.raises(UnderpaintingError, match="pixel_ranks"):
        spearman(torch.arange(4.0), patches)
    with pytest.raises(UnderpaintingError, match="pixel_ranks"):
        ceiling(patches, ["spearman"])
    with pytest.raises(UnderpaintingError, match="unknown metric 'iou'"):
        ceiling(patches, ["iou"])
    with pytest.raises(UnderpaintingError, match="non-empty"):
        best_threshold(torch.rand(1, 4), Patches.of(torch.zeros(1, 4, 4), (2, 2)))
