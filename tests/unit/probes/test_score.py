"""The only scorer, against SciPy and scikit-learn on maps enlarged to pixels; and what it makes but once."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import average_precision_score, f1_score

from tests.unit.probes.test_patches import pixels
from underpainting.errors import UnderpaintingError
from underpainting.probes import THRESHOLDS, Patches, Scorer, dice, dice_curve
from underpainting.probes.metrics import average_precision
from underpainting.vocabulary import Property

SALIENCY, DEPTH, SHADING = Property("saliency", True), Property("depth", False), Property("shading", False)
PROPERTIES = (SALIENCY, DEPTH, SHADING)
SIZE, GRIDS = (12, 10), ((4, 5), (5, 3))
CONTINUOUS = ("spearman", "pearson", "rmse", "spearman_centred", "pearson_centred")
PARTS = ("spearman_object", "spearman_background")


def world(seed: int, pictures: int = 3) -> tuple[dict[str, torch.Tensor], dict]:
    """Labels of some pictures, and mean labels on both grids."""
    generator = torch.Generator().manual_seed(seed)
    depth, shading = torch.randn(2, pictures, *SIZE, generator=generator)
    mask = (torch.rand(pictures, *SIZE, generator=generator) > 0.6).float()
    positions = {
        (rows, columns): torch.randn(3, rows * columns, generator=generator) for rows, columns in GRIDS
    }
    return {"saliency": mask, "depth": depth, "shading": shading.mul(2).round()}, positions


def drawn(grid: tuple[int, int], seed: int, pictures: int = 3, steps: int = 2) -> torch.Tensor:
    """Readings [picture, step, token]."""
    generator = torch.Generator().manual_seed(seed + 1)
    return torch.randn(pictures, steps, grid[0] * grid[1], generator=generator)


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        torch.testing.assert_close(values, other[name], equal_nan=True, rtol=1e-9, atol=1e-9, msg=name)


@settings(max_examples=25)
@given(st.sampled_from(GRIDS), st.sampled_from(["depth", "shading"]), st.integers(0, 10_000))
def test_continuous_scores_equal_scipy_on_pixels(grid: tuple[int, int], name: str, seed: int) -> None:
    labels, positions = world(seed)
    read, mean = drawn(grid, seed), drawn(grid, seed + 1)[:1, :1]
    scores = Scorer(labels, PROPERTIES, positions).scores(name, read, grid, mean=mean)
    assert scores.keys() == {*CONTINUOUS, *PARTS}
    k = [of.name for of in PROPERTIES].index(name)
    position = pixels(positions[grid][k], grid, SIZE)
    for i in range(3):
        truth, inside = labels[name][i].double().numpy(), labels["saliency"][i].numpy() > 0
        for step in range(2):
            guess = pixels(read[i, step], grid, SIZE)
            rest, without = pixels(read[i, step] - mean[0, 0], grid, SIZE), truth - position
            expected = {
                "spearman": stats.spearmanr(guess.ravel(), truth.ravel()).statistic,
                "pearson": stats.pearsonr(guess.ravel(), truth.ravel()).statistic,
                "rmse": np.sqrt(np.mean((guess - truth) ** 2)),
                "spearman_centred": stats.spearmanr(rest.ravel(), without.ravel()).statistic,
                "pearson_centred": stats.pearsonr(rest.ravel(), without.ravel()).statistic,
                "spearman_object": stats.spearmanr(guess[inside], truth[inside]).statistic,
                "spearman_background": stats.spearmanr(guess[~inside], truth[~inside]).statistic,
            }
            got = {metric: float(values[i, step]) for metric, values in scores.items()}
            # Position is taken out in float32, which may part two pixels that are equal in float64.
            assert got == pytest.approx(expected, abs=1e-4)
            assert got["spearman"] == pytest.approx(expected["spearman"], abs=1e-9)


@settings(max_examples=25)
@given(st.sampled_from(GRIDS), st.integers(0, 10_000))
def test_binary_scores_equal_scikit_learn_on_pixels(grid: tuple[int, int], seed: int) -> None:
    labels, positions = world(seed)
    read, thresholds = drawn(grid, seed), torch.tensor([0.25, -0.5])
    scorer = Scorer(labels, PROPERTIES, positions)
    scores = scorer.scores("saliency", read, grid, threshold=thresholds)
    assert scores.keys() == {"dice", "average_precision"}
    for i in range(3):
        truth = labels["saliency"][i].numpy().ravel()
        for step, threshold in enumerate(thresholds.tolist()):
            guess = pixels(read[i, step], grid, SIZE).ravel()
            precision = average_precision_score(truth, guess)
            assert float(scores["average_precision"][i, step]) == pytest.approx(precision)
            assert float(scores["dice"][i, step]) == pytest.approx(f1_score(truth, guess > threshold))
    without = scorer.scores("saliency", read, grid)
    assert without.keys() == {"average_precision", "curve"}
    at = int((torch.tensor(0.25) == THRESHOLDS).nonzero())
    torch.testing.assert_close(without["curve"][:, 0, at].double(), scores["dice"][:, 0], rtol=1e-6, atol=0)


@pytest.mark.parametrize("grid", [(4, 4), (3, 5)])
def test_dice_curve_is_dice_at_every_threshold(grid: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    label = (torch.rand(2, 1, 9, 11, generator=generator) > 0.6).float()
    label[1] = 0
    scores = torch.randn(2, 3, grid[0] * grid[1], generator=generator).mul(0.4).add(0.3)
    scores[0, 0, :4] = float(THRESHOLDS[40])
    patches = Patches.of(label, grid)
    curve = dice_curve(scores, patches)
    for i, cut in enumerate(THRESHOLDS.tolist()):
        torch.testing.assert_close(curve[..., i], dice(scores > cut, patches), equal_nan=True)


@pytest.mark.parametrize("pictures", [1, 3])
def test_others_are_judged_by_the_labels_of_the_picture_before(pictures: int) -> None:
    labels, positions = world(0, pictures)
    grid = GRIDS[0]
    read, mean = drawn(grid, 0, pictures), drawn(grid, 1, pictures)[:1, :1]
    scorer = Scorer(labels, PROPERTIES, positions)
    others = scorer.of_others()
    rolled = Scorer({name: label.roll(1, 0) for name, label in labels.items()}, PROPERTIES, positions)
    for of in PROPERTIES:
        judged = others.scores(of.name, read, grid, threshold=0.1, mean=mean)
        assert_same(judged, rolled.scores(of.name, read, grid, threshold=0.1, mean=mean))
        own = scorer.scores(of.name, read, grid, threshold=0.1, mean=mean)
        free = of.free_metric
        assert torch.equal(judged[free], own[free]) == (pictures == 1)
        if pictures > 1:  # picture 1 is judged by the labels of picture 0
            first = Scorer({name: label[:1] for name, label in labels.items()}, PROPERTIES, positions)
            alone = first.scores(of.name, read[1:2], grid, threshold=0.1, mean=mean)
            torch.testing.assert_close(judged[free][1:2], alone[free])


def test_one_picture_scores_as_a_batch_of_its_own() -> None:
    labels, positions = world(1)
    grid = GRIDS[1]
    read = drawn(grid, 1)
    scorer = Scorer(labels, PROPERTIES, positions)
    whole = {of.name: scorer.scores(of.name, read, grid, threshold=0.1) for of in PROPERTIES}
    for i in range(3):
        alone = Scorer({name: label[i : i + 1] for name, label in labels.items()}, PROPERTIES, positions)
        one = scorer.of_picture(i)
        for of in PROPERTIES:
            scores = one.scores(of.name, read[i : i + 1], grid, threshold=0.1)
            assert_same(scores, alone.scores(of.name, read[i : i + 1], grid, threshold=0.1))
            assert_same(scores, {name: values[i : i + 1] for name, values in whole[of.name].items()})
            assert_same(one.ceilings(of.name, grid), alone.ceilings(of.name, grid))
            maps = torch.randn(1, 2, 6, 5, generator=torch.Generator().manual_seed(i))
            assert_same(one.map_scores(of.name, maps), alone.map_scores(of.name, maps))


def test_ranks_are_made_once_for_all_grids_sources_and_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    import underpainting.probes.score as module

    made: Counter[str] = Counter()
    summed: Counter[tuple[int, int]] = Counter()
    ranks, of = module.pixel_ranks, module.Patches.of

    def counted(label: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        made["whole" if mask is None else "part"] += 1
        return ranks(label, mask)

    def counted_sums(label: torch.Tensor, grid: tuple[int, int], *rest: object) -> Patches:
        summed[grid] += 1
        return of(label, grid, *rest)

    monkeypatch.setattr(module, "pixel_ranks", counted)
    monkeypatch.setattr(module.Patches, "of", counted_sums)
    labels, positions = world(2)
    scorer = Scorer(labels, PROPERTIES, positions)

    def everything() -> None:
        for judge in (scorer, scorer.of_others()):
            for grid in GRIDS:
                for of in PROPERTIES:
                    judge.scores(of.name, drawn(grid, 2), grid, threshold=0.1)
                    judge.ceilings(of.name, grid)

    everything()
    # Of depth and shading: the label, and the label without position of each grid; object and background.
    assert made == {"whole": 2 * 3, "part": 2 * 2}
    assert summed == dict.fromkeys(GRIDS, 1 + 2 * 4)
    everything()
    assert made.total() == 10 and summed.total() == 18
    scorer.of_picture(0).scores("depth", drawn(GRIDS[0], 2)[:1], GRIDS[0])
    assert made.total() == 10


@settings(max_examples=25)
@given(st.sampled_from([(4, 5), (6, 5), (12, 10), (1, 1)]), st.integers(0, 10_000))
def test_no_map_of_the_grid_beats_the_ceiling(grid: tuple[int, int], seed: int) -> None:
    labels, _ = world(seed)
    positions = {grid: torch.randn(3, grid[0] * grid[1], generator=torch.Generator().manual_seed(seed))}
    scorer = Scorer(labels, PROPERTIES, positions)
    read = drawn(grid, seed, steps=8)
    for of in PROPERTIES:
        best = scorer.ceilings(of.name, grid)
        scores = scorer.scores(of.name, read, grid, threshold=0.0, mean=torch.zeros(()))
        assert best.keys() == scores.keys()
        for metric, values in scores.items():
            if metric in PARTS:  # cells of several sizes, where mean ranks are not the best of all maps
                continue
            low = metric == "rmse"
            reached = values.nan_to_num(torch.inf if low else -torch.inf)
            top = best[metric][:, None].nan_to_num(-torch.inf if low else torch.inf)
            gain = top - reached if low else reached - top
            assert float(gain.max()) <= 1e-9, metric


def test_maps_are_scored_as_readings_of_their_own_grid() -> None:
    labels, positions = world(3)
    scorer, fine = Scorer(labels, PROPERTIES, positions), (4, 5)
    maps = torch.randn(3, 2, 6, 10, generator=torch.Generator().manual_seed(4))
    read, grid = maps.flatten(-2), (6, 10)
    for k, of in enumerate(PROPERTIES):
        scores = scorer.map_scores(of.name, maps, threshold=0.3)
        plain = scorer.scores(of.name, read, grid, threshold=0.3)
        assert_same({name: scores[name] for name in plain}, plain)
        if of.binary:
            assert scores.keys() == plain.keys()
            continue
        assert scores.keys() - plain.keys() == {"spearman_centred", "pearson_centred"}
        position = torch.tensor(pixels(positions[fine][k], fine, SIZE))
        for i in range(3):
            truth = (labels[of.name][i].double() - position).numpy().ravel()
            for step in range(2):
                rest = pixels(read[i, step], grid, SIZE) - _cells(position, grid)
                expected = stats.pearsonr(rest.ravel(), truth).statistic
                assert float(scores["pearson_centred"][i, step]) == pytest.approx(expected, abs=1e-5)


def _cells(full: torch.Tensor, grid: tuple[int, int]) -> np.ndarray:
    """Each cell's mean, at full size, where the grid divides the size."""
    rows, columns = SIZE[0] // grid[0], SIZE[1] // grid[1]
    means = full.reshape(grid[0], rows, grid[1], columns).mean((1, 3))
    return np.kron(means.numpy(), np.ones((rows, columns)))


def test_without_an_object_or_mean_labels_nothing_of_them_is_scored() -> None:
    labels, positions = world(5)
    grid = GRIDS[0]
    depth = Scorer({"depth": labels["depth"]}, [DEPTH])
    assert depth.scores("depth", drawn(grid, 5), grid).keys() == {"spearman", "pearson", "rmse"}
    assert depth.ceilings("depth", grid).keys() == {"spearman", "pearson", "rmse"}
    with pytest.raises(UnderpaintingError, match="no mean labels on a grid of 4 x 5"):
        depth.scores("depth", drawn(grid, 5), grid, mean=torch.zeros(20))
    whole = Scorer(labels, PROPERTIES, positions)
    assert whole.scores("depth", drawn(grid, 5), grid, parts=False).keys() == {"spearman", "pearson", "rmse"}


def test_a_picture_without_an_object_has_no_score_on_it() -> None:
    labels, positions = world(6)
    labels["saliency"][1] = 0
    scores = Scorer(labels, PROPERTIES, positions).scores("depth", drawn(GRIDS[0], 6), GRIDS[0])
    assert scores["spearman_object"].isnan().all(1).tolist() == [False, True, False]
    torch.testing.assert_close(scores["spearman_background"][1], scores["spearman"][1])
    plain = average_precision(drawn(GRIDS[0], 6)[1], Patches.of(labels["saliency"][1], GRIDS[0]))
    assert plain.isnan().all()
