"""Copies are told by their layout, whatever their colours; what is near to everything is none."""

import numpy as np
import pytest
import torch
from torch import Tensor

from studio import likeness
from studio.likeness import copies, one_a_scene, seen_maps
from studio.measures import CHANCE, copied, layouts, mirrored, singled_out

SIDE = 32


def scenes(count: int, seed: int) -> Tensor:
    """Smooth layouts [scene,side,side], each another."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, 1, 5, 5, generator=rng)
    return torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bicubic")[:, 0]


def coloured(layout: Tensor, seed: int) -> Tensor:
    """Bytes [picture,3,side,side] of layouts, each in a colour of its own."""
    rng = torch.Generator().manual_seed(seed)
    colour = torch.rand(len(layout), 3, 1, 1, generator=rng) * 0.8 + 0.2
    return (torch.sigmoid(layout)[:, None] * colour * 255).round().byte()


def estimator(pictures: Tensor) -> dict[str, Tensor]:
    """What is where, whatever the colour."""
    level = pictures.amax(1) / pictures.amax((1, 2, 3), keepdim=False)[:, None, None]
    return {"saliency": (level > 0.6).float(), "depth": level, "shading": level.square()}


@pytest.fixture(autouse=True)
def perfect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "rebuilt", lambda vae, x: x)


def asked(pictures: Tensor) -> dict[str, float]:
    known = scenes(80, 0).repeat_interleave(2, 0)
    held_out = coloured(scenes(60, 2), 3).float() / 127.5 - 1
    return copies(pictures, held_out, coloured(known, 1), np.repeat(np.arange(80), 2), estimator, None)


def test_a_scene_in_another_colouring_or_mirrored_is_a_copy() -> None:
    found = asked(coloured(torch.cat([scenes(80, 0)[:30], scenes(80, 0)[30:50].flip(2)]), 5) / 255)
    assert found["copied"] > 0.95 and found["copied_anew"] > 0.95


def test_new_scenes_are_copies_by_chance_alone() -> None:
    assert asked(coloured(scenes(300, 7), 8) / 255)["copied"] < 0.15


def test_the_level_is_that_of_chance() -> None:
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(60):
        known, control, made = (torch.from_numpy(rng.normal(size=(n, 6))) for n in (200, 150, 200))
        scene = np.arange(200) // 2
        shares.append(copied(singled_out(made, known, scene), singled_out(control, known, scene)))
    assert np.mean(shares) == pytest.approx(CHANCE, abs=0.01)


def test_one_scene_is_singled_out_by_distance_to_scenes_not_pictures() -> None:
    known = torch.tensor([[0.0], [0.1], [3.0], [7.0]])
    ratio = singled_out(torch.tensor([[1.0], [0.0]]), known, np.array([4, 4, 9, 11]))
    assert ratio.tolist() == pytest.approx([0.9 / 2.0, 0.0])  # the second nearest picture is the same scene's


def test_maps_are_seen_of_bytes_and_floats_alike() -> None:
    pictures = coloured(scenes(20, 0), 1)
    a, b = seen_maps(pictures, estimator), seen_maps(pictures.float() / 255, estimator)
    torch.testing.assert_close(layouts(a), layouts(b))
    torch.testing.assert_close(layouts(mirrored(a)), layouts(seen_maps(pictures.flip(3), estimator)))


def test_one_picture_a_scene() -> None:
    scene, wanted = np.array([0, 0, 1, 1, 5, 5]), np.array([1, 1, 0, 0, 1, 1], bool)
    assert one_a_scene(scene).tolist() == [0, 2, 4] and one_a_scene(scene, wanted, nth=0).tolist() == [0, 4]
