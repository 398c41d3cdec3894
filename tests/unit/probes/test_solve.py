"""Ridge regression from moments, against scikit-learn on the data."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, Ridge

from underpainting.errors import UnderpaintingError
from underpainting.probes import Moments, ridge


def data(n: int = 400, channels: int = 6, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(channels, channels, generator=generator)
    x = torch.randn(n, channels, generator=generator) @ mix + 3
    y = x[:, :2] * torch.tensor([0.5, -1.0]) + torch.randn(n, 2, generator=generator) + 1
    return x, y


def sums(x: torch.Tensor, y: torch.Tensor) -> Moments:
    moments = Moments(x.shape[1], y.shape[1])
    for part_x, part_y in zip(x.split(150), y.split(150), strict=True):
        moments.update(part_x, part_y)
    return moments


def test_ridge_equals_scikit_learn_at_every_strength() -> None:
    x, y = data()
    strengths = (1e-3, 1e-1, 1.0)
    solution = ridge(sums(x, y), strengths)
    assert solution.weight.shape == (6, 3, 2) and solution.bias.shape == (3, 2)
    trace = x.double().var(0, correction=0).sum().item()
    for i, strength in enumerate(strengths):
        expected = Ridge(alpha=strength * trace / 6 * len(x)).fit(x.double().numpy(), y.double().numpy())
        np.testing.assert_allclose(solution.weight[:, i].numpy(), expected.coef_.T, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(solution.bias[i].numpy(), expected.intercept_, rtol=1e-4, atol=1e-5)
        read = solution.pick(i).apply(x).double().numpy()
        np.testing.assert_allclose(read, expected.predict(x.double().numpy()), rtol=1e-4, atol=1e-4)


def test_strength_is_relative_to_the_activations_scale() -> None:
    x, y = data()
    small, large = ridge(sums(x, y), [0.1]), ridge(sums(x * 1000, y), [0.1])
    torch.testing.assert_close(small.weight, large.weight * 1000, rtol=1e-4, atol=1e-6)


def test_strength_zero_is_the_least_squares_solution_of_least_norm() -> None:
    x, y = data()
    x = torch.cat([x, x[:, :2]], dim=1)  # two channels stand twice: the sums are singular
    solution = ridge(sums(x, y), [0.0])
    expected = LinearRegression().fit(x.double().numpy(), y.double().numpy())
    np.testing.assert_allclose(solution.weight[:, 0].numpy(), expected.coef_.T, rtol=1e-3, atol=1e-4)


def test_what_cannot_be_solved_is_refused() -> None:
    with pytest.raises(UnderpaintingError, match="no tokens"):
        ridge(Moments(2, 1), [1.0])
    x, y = data(20)
    for strengths in ([], [-1.0]):
        with pytest.raises(UnderpaintingError, match="strengths"):
            ridge(sums(x, y), strengths)
    x[3, 2] = torch.inf
    with pytest.raises(UnderpaintingError, match="non-finite"):
        ridge(sums(x, y), [1.0])
