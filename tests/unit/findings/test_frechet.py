"""The distance of two sets of features, against its closed form and scipy's matrix root."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from underpainting.findings.frechet import frechet, kinds


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
