"""Quantities of a layout against what was drawn, and against scipy and numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from underpainting.seeds.layout import QUANTITIES, layouts, on_grid


def mask(left: int, top: int, right: int, bottom: int, side: int = 32) -> torch.Tensor:
    of = torch.zeros(1, side, side)
    of[:, top:bottom, left:right] = 1
    return of


@given(st.integers(0, 31), st.integers(0, 31), st.integers(1, 32), st.integers(1, 32))
def test_place_and_size_of_a_label_are_its_centroid_and_area(
    left: int, top: int, wide: int, high: int
) -> None:
    of = mask(left, top, left + wide, top + high)
    seen = layouts({"saliency": of})
    down, across = ndimage.center_of_mass(of[0].numpy())
    assert seen["across"].item() == pytest.approx((across + 0.5) / 32)
    assert seen["down"].item() == pytest.approx((down + 0.5) / 32)
    assert seen["size"].item() == pytest.approx(float(of.mean()))


def test_a_wide_low_reading_draws_the_place_less_than_a_sure_one() -> None:
    reading = torch.full((1, 16, 16), 0.1)
    reading[:, 6:10, 1:5] = 0.9
    across = layouts({"saliency": reading})["across"].item()
    assert (
        abs(across - 3 / 16)
        < abs(float((reading.mean(1) * (torch.arange(16) + 0.5)).sum() / reading.mean(1).sum() / 16) - 3 / 16)
        / 2
    )
    assert layouts({"saliency": reading - 0.2})["across"].item() == pytest.approx(
        3 / 16
    )  # below 0 is nothing


def test_depth_is_the_share_that_is_farther_whatever_its_scale() -> None:
    there = mask(0, 0, 16, 16)
    depth = torch.linspace(0, 1, 32)[None, :, None].expand(1, 32, 32).clone()
    depth[:, :16, :16] = depth[0, 24, 0]
    share = layouts({"saliency": there, "depth": depth})["depth"]
    assert share.item() == pytest.approx(float((depth < depth[0, 24, 0]).double().mean()))
    assert torch.equal(share, layouts({"saliency": there, "depth": depth * 7 - 100})["depth"])
    coarse = {"saliency": on_grid(there, (8, 8)), "depth": depth}
    assert layouts(coarse)["depth"].item() == pytest.approx(share.item())


def test_light_is_the_correlation_of_shading_with_the_place_on_the_object() -> None:
    there = mask(8, 4, 24, 28)
    noise = torch.rand(1, 32, 32, generator=torch.Generator().manual_seed(0))
    shading = 1 - torch.linspace(0, 1, 32)[None, None] + 0.3 * noise
    seen = layouts({"saliency": there, "shading": shading})
    down, across = np.indices((32, 32))
    inside = there[0].numpy() > 0
    for name, place in {"light_across": across, "light_down": down}.items():
        wanted = np.corrcoef(shading[0].numpy()[inside], place[inside])[0, 1]
        assert seen[name].item() == pytest.approx(wanted, abs=1e-6)
    assert seen["light_across"].item() < -0.8


def test_of_no_object_only_the_size_is_defined() -> None:
    maps = {name: torch.zeros(2, 4, 4) for name in ("saliency", "depth", "shading")}
    seen = layouts(maps)
    assert list(seen) == list(QUANTITIES)
    assert seen.pop("size").tolist() == [0, 0]
    assert all(of.isnan().all() for of in seen.values())
    assert layouts({"depth": maps["depth"]}) == {}
