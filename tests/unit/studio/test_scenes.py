"""Scenes in compact form."""

from pathlib import Path

import numpy as np
import pytest
import torch

from studio import scenes
from studio.colour import coordinates
from studio.world import OBJECT


def test_packing_keeps_ids_and_nearly_all_else(renders) -> None:
    some = renders(4)
    back = scenes.unpack(scenes.pack(some))
    assert (back.ids.numpy() == some["ids"]).all()
    assert back.index.tolist() == [0, 1, 2, 3] and back.name.tolist() == [0, 1, 2, 3]
    shading, near = some["shading"].astype(float), 1 / some["depth"].astype(float)
    apart = np.abs(np.sqrt(back.shading.double().numpy()) - np.sqrt(shading))
    assert apart.max() < 0.6 / scenes.SHADES * np.sqrt(shading.max())
    assert np.abs(back.near.double().numpy() - near).max() < 0.6 / scenes.DEPTHS * np.ptp(near) + 1e-3


def test_planes_give_surface_coordinates_back(renders) -> None:
    some = renders(4)
    back = scenes.unpack(scenes.pack(some))
    wanted = some["coords"].astype(np.float32)
    near = (some["ids"] <= OBJECT) & (np.abs(wanted).max(-1) < 8)
    apart = np.abs(coordinates(back.ids, back.planes).numpy() - wanted).max(-1)
    assert apart[near].max() < 0.01 and near.mean() > 0.5


def test_every_tenth_scene_is_held_out_and_what_is_packed_stays(renders, tmp_path: Path) -> None:
    np.savez(tmp_path / "scenes-0-000000.npz", **renders(12))
    out = tmp_path / "compact"
    (path,) = scenes.pack_all(tmp_path, out)
    written = path.stat().st_mtime_ns
    assert [p.stat().st_mtime_ns for p in scenes.pack_all(tmp_path, out)] == [written]
    assert scenes.load(held_out=True, packed=out).index.tolist() == [9]
    assert scenes.load(held_out=False, packed=out, limit=5).index.tolist() == [0, 1, 2, 3, 4]
    assert len(scenes.load(held_out=False, packed=out)[torch.tensor([0, 10])]) == 2
    with pytest.raises(SystemExit, match=r"no scenes in .*studio\.scenes"):
        scenes.load(held_out=True, packed=tmp_path / "nowhere")


def test_a_sliver_of_a_wall_gets_finite_numbers(renders) -> None:
    some = renders(1)
    some["ids"][:, :, :] = 0
    some["ids"][0, 7, 40:52] = 1  # one row of pixels decides no plane
    planes = scenes.pack(some)["planes"]
    assert np.isfinite(planes).all()
