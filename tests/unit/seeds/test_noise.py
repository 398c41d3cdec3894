"""A linear map of noise against a loop, and against labels that are one."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from underpainting.seeds import noise as module
from underpainting.seeds.noise import AT_ONCE, WINDOW, fit_noise, windows

CHANNELS, SIDE = 2, 8
FIT, CALIBRATE = range(120), range(200, 216)


def drawn(model: Any, seeds: Any) -> torch.Tensor:
    """Noise of a model that there is not."""
    return torch.stack(
        [torch.randn(CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    )


def test_windows_are_the_cells_around() -> None:
    noise, half = drawn(None, [0]), WINDOW // 2
    x = windows(noise)
    assert x.shape[:2] == (1, SIDE * SIDE)
    for row, column in ((0, 0), (3, 5), (7, 7)):
        own = x[0, row * SIDE + column, : CHANNELS * WINDOW**2].reshape(CHANNELS, WINDOW, WINDOW)
        for down in range(WINDOW):
            for across in range(WINDOW):
                at = row + down - half, column + across - half
                there = all(0 <= place < SIDE for place in at)
                expected = noise[0, :, at[0], at[1]] if there else torch.zeros(CHANNELS)
                assert torch.equal(own[:, down, across], expected)


def test_what_is_linear_in_the_noise_is_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a label that has nothing to do with it is foretold as its mean."""
    monkeypatch.setattr(module, "noise_of", drawn)
    seeds = [*FIT, *CALIBRATE]
    weight = torch.randn(CHANNELS * WINDOW**2, generator=torch.Generator().manual_seed(1))
    linear = {str(seed): _linear(seed, weight) for seed in seeds}
    free = {str(seed): 3 + drawn(None, [10_000 + seed])[0, 0] for seed in seeds}
    rows = {"fit": FIT, "calibrate": CALIBRATE}
    study: Any = SimpleNamespace(
        labels={"linear": linear, "free": free}.__getitem__,
        sound_rows=lambda split: [SimpleNamespace(image=str(seed), seed=seed) for seed in rows[split]],
    )
    fitted = fit_noise(study, ["linear", "free"], None)  # type: ignore[arg-type]
    others = range(900, 900 + 2 * AT_ONCE + 1)
    maps = fitted.maps(drawn(None, others))
    assert maps["linear"].shape == (len(others), SIDE, SIDE)
    for i, seed in enumerate(others):
        assert torch.allclose(maps["linear"][i], _linear(seed, weight), atol=0.05 * weight.norm())
    assert (maps["free"] - 3).abs().max() < 0.5


def _linear(seed: int, weight: torch.Tensor) -> torch.Tensor:
    own = windows(drawn(None, [seed]))[0, :, : len(weight)]
    return (own @ weight).reshape(SIDE, SIDE)
