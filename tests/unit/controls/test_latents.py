"""Windows of latents in the place of layers, and where they are; the same in both branches."""

from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

from tests.unit.study.places import LAYERS, record, small_places
from underpainting.controls import Setting, controls
from underpainting.controls.latents import cosines

BRANCHES = ("conditional", "unconditional")


def setting() -> Setting:
    """Three layers on two grids, of a model whose latents have four channels."""
    adapter = SimpleNamespace(latents=lambda pipe, size: (4, 8, 8))
    model: Any = SimpleNamespace(adapter=adapter, pipe=None, size=(64, 64))
    return Setting(model, LAYERS, BRANCHES)


def test_every_layer_has_latents_of_its_grid_in_its_place() -> None:
    noisy, clean = controls()["latents"].stand_ins(setting())
    assert (noisy.source, clean.source) == ("latents:noisy", "latents:clean")
    for kind, stand_in in (("noisy", noisy), ("clean", clean)):
        assert [layer.grid for layer in stand_in.layers] == [layer.grid for layer in LAYERS]
        assert {layer.channels for layer in stand_in.layers} == {4 * 25 + 15}
        assert [layer.name for layer in stand_in.layers] == [
            f"latents.{kind}.{grid}" for grid in ("2x2", "2x3", "2x2")
        ]
        assert not stand_in.networks


@pytest.mark.parametrize("kind", [0, 1])
def test_tokens_are_windows_of_cell_means(kind: int) -> None:
    stand_in = controls()["latents"].stand_ins(setting())[kind]
    seen = record(small_places(), 1)
    latents = (seen.latents / seen.scale, seen.predicted_clean)[kind]
    activations = stand_in.batch(lambda model, on_step: None)(seen)
    assert set(activations) == {layer.name for layer in stand_in.layers}
    cells = latents.reshape(3, 4, 2, 4, 2, 4).mean((3, 5))
    for branch in BRANCHES:
        read = activations[stand_in.layers[0].name][branch]
        for token, (row, column) in enumerate(product(range(2), repeat=2)):
            window = [
                cells[:, :, min(max(row + i, 0), 1), min(max(column + j, 0), 1)]
                for i, j in product(range(-2, 3), repeat=2)
            ]
            torch.testing.assert_close(read[:, token, :100], torch.stack(window, dim=2).flatten(1))
        assert activations[stand_in.layers[1].name][branch].shape == (3, 6, 115)


def test_where_a_token_is_tells_what_smooth_maps_of_position_tell() -> None:
    grid = (16, 12)
    waves = cosines(grid).double()
    assert torch.allclose(waves.mT @ waves, torch.diag((waves**2).sum(0)), atol=1e-4)
    rows, columns = np.mgrid[0:16, 0:12]
    layout = torch.from_numpy(np.exp(-((rows - 7.5) ** 2 + (columns - 6) ** 2) / 30)).reshape(-1)
    fitted = LinearRegression().fit(waves, layout)
    assert fitted.score(waves, layout) > 0.97
