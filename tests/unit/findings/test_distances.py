"""Distances of two sets of features: against closed forms, scipy's matrix root, loops and scikit-learn."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.metrics.pairwise import polynomial_kernel

from benchmarks.levels import normal_distance, simulate
from underpainting.findings.distances import frechet, kernel_distance, kernel_kinds, kinds


def test_frechet_of_normals_is_the_closed_form() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(20000, 3)) * [1, 2, 3]
    b = rng.normal(size=(20000, 3)) * [2, 2, 1] + [1, 0, -2]
    assert frechet(a, b) == pytest.approx((1 + 4) + (1 + 0 + 4), rel=0.05)
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)


def test_frechet_by_the_matrix_root() -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.normal(size=(50, 6)) @ rng.normal(size=(6, 6)) for _ in range(2))
    (mean_a, cov_a), (mean_b, cov_b) = ((x.mean(0), np.cov(x, rowvar=False)) for x in (a, b))
    root = sqrtm(cov_a @ cov_b).real
    expected = ((mean_a - mean_b) ** 2).sum() + np.trace(cov_a + cov_b - 2 * root)
    assert frechet(a, b) == pytest.approx(expected)


def test_kinds_are_measured_from_the_reference() -> None:
    rng = np.random.default_rng(2)
    plain = rng.normal(size=(400, 4))
    found = kinds({"null": plain, "same": plain, "moved": plain + 3}, "null")
    assert list(found) == ["same", "moved", "null, one half from the other"]
    assert found["same"] == pytest.approx(0, abs=1e-9) and found["moved"] == pytest.approx(36)
    assert 0 < found["null, one half from the other"] < 0.5


def by_loops(a: np.ndarray, b: np.ndarray, prompts: list[str]) -> float:
    """The kernel distance pair by pair: within sets and between them, of pictures of different prompts."""

    def mean(x: np.ndarray, y: np.ndarray) -> float:
        pairs: dict[tuple[str, str], list[float]] = {}
        for i, one in enumerate(prompts):
            for j, other in enumerate(prompts):
                if one != other:
                    kernel = sum(p * q for p, q in zip(x[i], y[j], strict=True)) / len(x[i]) + 1
                    pairs.setdefault((one, other), []).append(kernel**3)
        return float(np.mean([np.mean(of) for of in pairs.values()]))

    return mean(a, a) + mean(b, b) - 2 * mean(a, b)


@pytest.mark.parametrize("prompts", [list("abcdefghij"), list("aabccddeef")])
def test_the_kernel_distance_is_that_of_a_plain_double_loop(prompts: list[str]) -> None:
    rng = np.random.default_rng(3)
    a = rng.normal(size=(len(prompts), 4))
    b = a + rng.normal(0.5, 1, size=a.shape)
    found = kernel_distance(a, b, np.array(prompts))
    assert found.mean == pytest.approx(by_loops(a, b, prompts))
    left = [
        by_loops(a[keep], b[keep], [name for name in prompts if name != gone])
        for gone in sorted(set(prompts))
        for keep in [np.array(prompts) != gone]
    ]
    error = np.sqrt((len(left) - 1) * np.var(left))
    ends = found.mean - 1.96 * error, found.mean + 1.96 * error
    assert (found.low, found.high) == pytest.approx(ends)


def test_the_kernel_distance_is_scikit_learns_kernel_off_the_diagonal() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(2, 30, 8))
    apart = ~np.eye(30, dtype=bool)
    within, across = (
        [polynomial_kernel(x, y, degree=3, gamma=1 / 8, coef0=1)[apart].mean() for x, y in pairs]
        for pairs in (((a, a), (b, b)), ((a, b),))
    )
    found = kernel_distance(a, b, np.arange(30))
    assert found.mean == pytest.approx(sum(within) - 2 * across[0])


def test_few_pictures_of_one_kind_have_a_frechet_distance_but_no_kernel_distance_on_average() -> None:
    rng = np.random.default_rng(5)
    frechets, kernels = [], []
    for _ in range(200):
        a = rng.normal(size=(20, 6))
        b = 0.8 * a + 0.6 * rng.normal(size=a.shape)
        frechets.append(frechet(a, b))
        kernels.append(kernel_distance(a, b, np.arange(20)).mean)
    assert min(frechets) > 0.2
    assert abs(np.mean(kernels)) < 3 * np.std(kernels) / np.sqrt(200)


def test_what_cannot_be_told_apart_from_itself_and_what_is_too_little() -> None:
    rng = np.random.default_rng(6)
    plain = rng.normal(size=(40, 5))
    found = kernel_kinds({"null": plain, "same": plain, "moved": plain + 1}, "null", np.arange(40))
    assert list(found) == ["same", "moved"] and found["moved"].low > 0
    assert found["same"].mean == found["same"].low == found["same"].high == pytest.approx(0)
    assert np.isnan(kernel_distance(plain, plain + 1, np.arange(40) // 20).mean)


def test_the_truth_that_intervals_are_held_to_is_that_of_many_pictures() -> None:
    rng = np.random.default_rng(7)
    mean, spread = np.array([0.5, -0.2, 0.1]), np.array([1.0, 0.5, 2.0])
    a, b = rng.normal(size=(2, 1000, 3)) * spread
    found = kernel_distance(1.3 * a + mean, b, np.arange(1000))
    assert found.low < normal_distance(mean, 1.3 * spread, spread) < found.high


@pytest.mark.slow
def test_intervals_of_kernel_distances_hold_the_truth() -> None:
    for row in simulate("distances", 300):
        if row.found == "surely apart by chance":
            assert row.share <= 0.025
        else:
            assert row.share > (0.87 if row.prompts == 20 else 0.89)
