"""Erasing against the authors' package, against scikit-learn's regression, and by its definition."""

import numpy as np
import pytest
import torch
from concept_erasure import LeaceFitter
from sklearn.linear_model import LinearRegression

from underpainting.errors import UnderpaintingError
from underpainting.probes import Moments, erasing


def drawn(targets: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Correlated activations [token, 9] and labels [token, target] that can be read off them."""
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(9, 9, generator=generator, dtype=torch.float64)
    x = torch.randn(500, 9, generator=generator, dtype=torch.float64) @ mix + 3
    noise = torch.randn(500, targets, generator=generator, dtype=torch.float64)
    return x, x[:, :targets] * 2 - x[:, 2 : 2 + targets] + noise


def moments_of(x: torch.Tensor, y: torch.Tensor) -> Moments:
    moments = Moments(x.shape[1], y.shape[1])
    moments.update(x, y)
    return moments


@pytest.mark.parametrize("targets", [1, 2])
def test_erased_activations_are_those_of_the_authors_package(targets: int) -> None:
    x, y = drawn(targets)
    moments = moments_of(x, y)
    expected = LeaceFitter.fit(x, y, constrain_cov_trace=False, svd_tol=1e-9).eraser(x)
    torch.testing.assert_close(
        erasing(moments, moments.sxy).apply(x.float()), expected.float(), atol=1e-3, rtol=1e-3
    )


def test_no_linear_map_reads_what_was_erased_and_nothing_else_is_lost() -> None:
    x, y = drawn()
    moments = moments_of(x, y)
    eraser = erasing(moments, moments.sxy[:, :1])
    erased = eraser.apply(x.float()).double()
    assert LinearRegression().fit(x, y[:, 0]).score(x, y[:, 0]) > 0.5
    assert LinearRegression().fit(erased, y[:, 0]).score(erased, y[:, 0]) < 1e-6
    assert np.linalg.matrix_rank((erased - x).numpy(), tol=1e-2) == 1
    torch.testing.assert_close(eraser.apply(erased), erased, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(erased.mean(0), x.mean(0), atol=1e-4, rtol=1e-4)


def test_channels_that_never_vary_stay_and_half_precision_is_kept() -> None:
    x, y = drawn()
    x = torch.cat([x, torch.full((500, 1), 7.0)], dim=1)
    moments = moments_of(x, y)
    erased = erasing(moments, moments.sxy).apply(x.half())
    assert erased.dtype == torch.float16 and torch.allclose(erased[:, 9], torch.tensor(7.0).half())


def test_no_tokens_are_refused() -> None:
    with pytest.raises(UnderpaintingError, match="hold no tokens"):
        erasing(Moments(3, 1), torch.zeros(3, 1))


@pytest.mark.parametrize("seed", range(5))
def test_few_tokens_do_not_take_unseen_activations_far_away(seed: int) -> None:
    """Of ten tokens of nine channels one direction hardly varies: unshrunk, 1.2 to 2.9 of x are taken."""
    x, _ = drawn()
    y = torch.randn(500, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    moments = moments_of(x[:10], y[:10])
    eraser = erasing(moments, moments.sxy)
    assert eraser.taken(x.float()).norm() < 0.7 * (x - x.mean(0)).norm()
    seen = eraser.apply(x[:10].float()).double()
    assert ((seen - seen.mean(0)).T @ (y[:10] - y[:10].mean(0))).abs().max() < 1e-3
