"""Noise that is moved: by whole cells, white as before."""

import numpy as np
import pytest
import torch

from underpainting.intervention.alternatives import half, moved_noise, rolled
from underpainting.intervention.moves import STAY, Move

MOVES = [Move(0.25, -0.5), Move(-0.13, 0.0), STAY]
SHIFTS = [(-4, 2), (0, -1), (0, 0)]
NOISE, FRESH = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def test_rolled_is_numpys_roll() -> None:
    for one, noise, shift in zip(rolled(NOISE, MOVES), NOISE, SHIFTS, strict=True):
        assert np.array_equal(one.numpy(), np.roll(noise.numpy(), shift, (-2, -1)))


def test_moved_noise_is_the_noise_that_stays_in_and_fresh_elsewhere() -> None:
    moved = moved_noise(NOISE, MOVES, FRESH)
    for one, noise, fresh, (down, right) in zip(moved, NOISE, FRESH, SHIFTS, strict=True):
        for y in range(8):
            for x in range(8):
                inside = 0 <= y - down < 8 and 0 <= x - right < 8
                wanted = noise[:, y - down, x - right] if inside else fresh[:, y, x]
                assert torch.equal(one[:, y, x], wanted)


@pytest.mark.parametrize(("steps", "first"), [(15, 8), (4, 3), (2, 2), (1, 1)])
def test_half_of_the_steps_are_redone(steps: int, first: int) -> None:
    assert half(steps) == first
