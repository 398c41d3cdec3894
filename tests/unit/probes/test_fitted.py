"""A probe fitted to one's own activations: it finds what is there, and nothing where nothing is."""

import pytest
import torch

from underpainting.errors import UnderpaintingError
from underpainting.probes import enlarge, fit


def world(pictures: int = 40, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Activations that hold a mask and a smooth map in two directions, and noise."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(pictures, 2, 16, generator=generator)
    mask = (hidden[:, 0] > 0.7).float()
    directions = torch.randn(2, 6, generator=generator)
    activations = mask[..., None] * directions[0] + hidden[:, 1, :, None] * directions[1]
    activations = activations + 0.05 * torch.randn(pictures, 16, 6, generator=generator)
    maps = [enlarge(x, (4, 4), (12, 12)) for x in (mask, hidden[:, 1])]
    return activations, maps[0], maps[1] * 3 + 20


def test_fit_finds_what_is_there() -> None:
    activations, mask, depth = world()
    binary, continuous = fit(activations, mask), fit(activations, depth)
    assert binary.scores.keys() == {"dice", "average_precision"} and binary.threshold is not None
    assert binary.scores["dice"] > 0.97 and binary.ceiling["dice"] == 1
    assert continuous.scores.keys() == {"spearman", "pearson", "rmse"} and continuous.threshold is None
    assert continuous.scores["spearman"] > 0.97 and continuous.scores["rmse"] < 0.6
    assert binary.grid == continuous.grid == (4, 4)
    assert binary.probe.apply(activations).shape == (40, 16)


def test_fit_finds_nothing_in_shuffled_labels() -> None:
    activations, _, depth = world()
    assert abs(fit(activations, depth.roll(1, 0)).scores["spearman"]) < 0.2


def test_fit_takes_labels_at_the_grid_and_repeats_from_its_seed() -> None:
    activations, mask, _ = world()
    tokens = mask[:, ::3, ::3].reshape(40, 16)
    one, other = fit(activations, tokens, grid=(2, 8), seed=3), fit(activations, tokens, grid=(2, 8), seed=3)
    assert one.scores == other.scores and torch.equal(one.probe.weight, other.probe.weight)
    assert one.scores["dice"] > 0.97


def test_fit_refuses_what_does_not_fit() -> None:
    activations, mask, _ = world()
    with pytest.raises(UnderpaintingError, match="for 39"):
        fit(activations, mask[1:])
    with pytest.raises(UnderpaintingError, match="square"):
        fit(activations[:, 1:], mask)
    with pytest.raises(UnderpaintingError, match="leave none"):
        fit(activations[:2], mask[:2])
    with pytest.raises(UnderpaintingError, match="non-finite"):
        fit(activations / 0, mask)
