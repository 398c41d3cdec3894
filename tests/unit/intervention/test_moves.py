"""Moved maps against scipy's, and against arrays moved by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from underpainting.errors import UnderpaintingError
from underpainting.intervention.moves import Move, warp, warp_tokens

SIZE = (24, 36)


def field(seed: int = 0) -> np.ndarray:
    return ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=SIZE), 3).astype(np.float32)


def done(map_: np.ndarray, move: Move, **how: object) -> np.ndarray:
    maps = torch.from_numpy(map_.copy())[None, None]
    return warp(maps, [move], SIZE, **how)[0, 0].numpy()  # type: ignore[arg-type]


@settings(max_examples=30)
@given(st.integers(-20, 20), st.integers(-15, 15))
def test_whole_pixels_are_shifted_and_borders_filled(right: int, down: int) -> None:
    of = field()
    move = Move(right / SIZE[1], down / SIZE[0])
    for border, mode in (("edge", "nearest"), ("empty", "constant")):
        expected = ndimage.shift(of, (down, right), order=0, mode=mode)
        np.testing.assert_allclose(done(of, move, border=border, nearest=True), expected)


@pytest.mark.parametrize(
    ("angle", "scale", "mirrored"), [(35, 1.0, False), (0, 1.6, False), (-70, 0.7, True)]
)
def test_turns_scales_and_mirrors_about_a_centre(angle: float, scale: float, mirrored: bool) -> None:
    of, centre = field(1), (0.4, 0.6)
    turn = math.radians(angle)
    # In (row, column), rows downwards: a clockwise turn on the screen takes right to down.
    forward = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]]) * scale
    forward = forward @ np.diag([1, -1 if mirrored else 1])
    middle = np.array([centre[1] * SIZE[0] - 0.5, centre[0] * SIZE[1] - 0.5])
    back = np.linalg.inv(forward)
    shift = np.array([3, -4])
    expected = ndimage.affine_transform(of, back, middle - back @ (middle + shift), order=1, mode="nearest")
    move = Move(-4 / SIZE[1], 3 / SIZE[0], scale, angle, mirrored, centre)
    np.testing.assert_allclose(done(of, move), expected, atol=1e-5)


@pytest.mark.parametrize("centre", [(0.5, 0.5), (0.31, 0.77)])
@pytest.mark.parametrize("nearest", [True, False])
def test_what_stays_is_bit_equal_beside_what_moves(centre: tuple[float, float], nearest: bool) -> None:
    maps = torch.randn(2, 3, 31, 47)
    moved = warp(maps, [Move(centre=centre), Move(0.1, centre=centre)], SIZE, nearest=nearest)
    assert torch.equal(moved[0], maps[0]) and not torch.equal(moved[1], maps[1])


def test_tokens_move_with_their_grid_and_each_picture_by_its_own_move() -> None:
    tokens = torch.randn(2, 12, 5)
    moves = [Move(1 / 4, 0), Move(0, -1 / 3)]
    grids = warp_tokens(tokens, moves, (3, 4), (96, 128)).reshape(2, 3, 4, 5)
    before = tokens.reshape(2, 3, 4, 5)
    torch.testing.assert_close(grids[0, :, 1:], before[0, :, :-1])
    torch.testing.assert_close(grids[0, :, 0], before[0, :, 0])
    torch.testing.assert_close(grids[1, :-1], before[1, 1:])
    assert torch.equal(warp_tokens(tokens, [Move()] * 2, (3, 4), (96, 128)), tokens)


def test_what_is_no_move_is_refused() -> None:
    for wrong in ({"scale": 0.0}, {"right": math.nan}, {"angle": math.inf}):
        with pytest.raises(UnderpaintingError, match="give finite numbers and a scale above 0"):
            Move(**wrong)  # type: ignore[arg-type]
