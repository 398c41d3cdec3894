"""Latents in the place of layers: averaged over each token's cell, the same in both branches."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.unit.study.places import LAYERS, record, small_places
from underpainting.controls import Setting, controls

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
        assert {layer.channels for layer in stand_in.layers} == {4}
        assert [layer.name for layer in stand_in.layers] == [
            f"latents.{kind}.{grid}" for grid in ("2x2", "2x3", "2x2")
        ]
        assert not stand_in.networks


@pytest.mark.parametrize("kind", [0, 1])
def test_tokens_are_means_of_their_cells(kind: int) -> None:
    stand_in = controls()["latents"].stand_ins(setting())[kind]
    seen = record(small_places(), 1)
    latents = (seen.latents, seen.predicted_clean)[kind]
    activations = stand_in.batch(lambda model, on_step: None)(seen)
    assert set(activations) == {layer.name for layer in stand_in.layers}
    name = stand_in.layers[0].name
    cells = latents.reshape(3, 4, 2, 4, 2, 4).mean((3, 5)).flatten(2).mT
    for branch in BRANCHES:
        torch.testing.assert_close(activations[name][branch], cells)
        assert activations[stand_in.layers[1].name][branch].shape == (3, 6, 4)
