"""The decoder's attention in the place of layers: what the model says of the latents before the step."""

from types import SimpleNamespace
from typing import Any

import torch

from tests.unit.study.places import LAYERS, record, small_places
from underpainting.controls import Setting, controls


def setting(channels: int | None) -> Setting:
    model: Any = SimpleNamespace(
        adapter=SimpleNamespace(latents=lambda pipe, size: (4, 8, 8)),
        pipe=None,
        size=(64, 64),
        decoder_channels=channels,
        decoder_tokens=lambda latents: latents.flatten(2).mT * 3,
    )
    return Setting(model, LAYERS, ("conditional", "unconditional"))


def test_one_layer_on_the_latents_grid_stands_in_for_all() -> None:
    (stand_in,) = controls()["decoder"].stand_ins(setting(4))
    layer = stand_in.layers[0]
    assert stand_in.layers == (layer,) * 3 and (layer.grid, layer.channels) == ((8, 8), 4)
    seen = record(small_places(), 1)
    activations = stand_in.batch(lambda model, on_step: None)(seen)
    assert set(activations) == {layer.name}
    for x in activations[layer.name].values():
        assert torch.equal(x, seen.latents.flatten(2).mT * 3)
    assert set(activations[layer.name]) == {"conditional", "unconditional"}


def test_a_decoder_that_does_not_attend_stands_in_for_nothing() -> None:
    assert controls()["decoder"].stand_ins(setting(None)) == ()
