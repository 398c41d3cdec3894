"""The studio's comparisons of sets of pictures, on sets whose answer is known."""

import numpy as np
import pytest
import torch

from studio.measures import nearer_to_training, nearest_copies, placement, thumbnails, variety


def test_a_copied_or_mirrored_training_picture_is_found() -> None:
    rng = torch.Generator().manual_seed(0)
    training = torch.rand(40, 3, 64, 64, generator=rng)
    other = torch.rand(5, 3, 64, 64, generator=rng)
    scene = np.arange(40) // 2
    shifted, flipped = training[7:8] + 0.001, torch.cat([other, training[7:8].flip(3)])
    near = nearest_copies([other, shifted, flipped], training, scene)
    assert near[0] > 0.95 and near[1] < 0.05 and near[2] < 1e-5


def test_bytes_are_compared_as_shares() -> None:
    rng = torch.Generator().manual_seed(0)
    levels = torch.randint(0, 256, (300, 3, 64, 64), dtype=torch.uint8, generator=rng)
    points = thumbnails(levels)
    torch.testing.assert_close(points, thumbnails(levels.float() / 255))
    white, black = (torch.full((1, 3, 64, 64), level, dtype=torch.uint8) for level in (255, 0))
    assert float((thumbnails(white) - thumbnails(black)).norm()) == pytest.approx(1, rel=1e-5)


def test_pictures_of_one_scene_do_not_set_the_unit() -> None:
    scene = np.arange(40) // 2
    rng = torch.Generator().manual_seed(0)
    training = torch.rand(20, 3, 64, 64, generator=rng).repeat_interleave(2, dim=0)
    assert nearest_copies([torch.rand(5, 3, 64, 64, generator=rng)], training, scene)[0] > 0.95


def test_what_is_near_to_everything_is_not_nearer_to_training() -> None:
    rng = torch.Generator().manual_seed(0)
    training, held_out = (torch.randn(count, 12, generator=rng) for count in (600, 150))
    soft = torch.randn(500, 12, generator=rng) / 3  # nearer to both than they are to each other
    assert nearer_to_training(soft, training, held_out) == pytest.approx(0.5, abs=0.15)
    copies = training[::4] + 0.1 * torch.randn(150, 12, generator=rng)
    assert nearer_to_training(copies, training[::4], held_out) > 0.95


def test_placement_is_the_masks_centre_and_share() -> None:
    masks = np.zeros((2, 10, 20), bool)
    masks[0, 2:4, 5:15] = True
    found = placement(masks)  # the empty mask is left out
    assert found["x"] == pytest.approx([0.5]) and found["y"] == pytest.approx([0.3])
    assert found["size"] == pytest.approx([0.1])


def test_variety_tells_a_fixed_object_from_a_roaming_one() -> None:
    rng = np.random.default_rng(0)

    def masks(spread: int) -> np.ndarray:
        made = np.zeros((100, 32, 32), bool)
        for mask in made:
            x, y = 10 + rng.integers(-spread, spread + 1, 2)
            mask[y : y + 6, x : x + 6] = True
        return made

    roaming = masks(9)
    alike, fixed = variety(masks(9), roaming), variety(masks(0), roaming)
    assert alike["variety_x_p"] > 0.01 and alike["variety_y_p"] > 0.01
    assert fixed["variety_x_p"] < 1e-6 and fixed["variety_x"] > 0.3
