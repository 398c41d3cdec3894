"""Untrained twins in the place of layers, against denoising with them by hand."""

from collections.abc import Callable

import pytest
import torch

from underpainting.controls import Setting, controls
from underpainting.diffusion import Model, StepRecord
from underpainting.diffusion.twins import twin_of
from underpainting.diffusion.watching import Watching

PROMPTS, SEEDS, STEPS = ["a lemon", "a mug"], [1, 2], 3
LAYERS, BRANCHES = ["down.0.0", "up.3.0"], ("conditional", "unconditional")


@pytest.fixture
def setting(model: Model) -> Setting:
    """Two layers of the tiny pipeline, both branches."""
    return Setting(model, model.resolve(LAYERS), BRANCHES)


def run(model: Model, on_step: Callable[[StepRecord], None]) -> None:
    """As a study denoises a batch."""
    model.denoise(PROMPTS, SEEDS, steps=STEPS, watch=LAYERS, branches=BRANCHES, on_step=on_step)


def watched(model: Model) -> list[StepRecord]:
    """Every step of a denoising, copied."""
    records: list[StepRecord] = []
    run(model, records.append)
    return records


@pytest.mark.parametrize("key", ["permuted", "fresh", "permuted-own", "fresh-own"])
def test_a_twin_has_a_layer_for_every_watched_one(key: str, setting: Setting) -> None:
    (stand_in,) = controls()[key].stand_ins(setting)
    assert stand_in.source == key
    for layer, twin in zip(setting.watched, stand_in.layers, strict=True):
        assert (twin.name, twin.grid, twin.channels) == (f"{key}.{layer.name}", layer.grid, layer.channels)


def test_a_follower_is_shown_all_that_the_models_network_is_shown(setting: Setting) -> None:
    (follower,) = controls()["permuted"].stand_ins(setting)
    assert list(follower.networks) == ["permuted"]
    records: list[StepRecord] = []
    shown = Watching(layers=LAYERS, branches=BRANCHES, on_step=records.append, twins=follower.networks)
    setting.model.run(PROMPTS, SEEDS, shown, steps=STEPS)
    bare = watched(setting.model)
    tell = follower.batch(run)
    for record, other in zip(records, bare, strict=True):
        assert torch.equal(record.latents, other.latents)  # they change nothing
        assert tell(record) == {}  # the model has recorded them already
        for layer, twin in zip(setting.watched, follower.layers, strict=True):
            for branch in BRANCHES:
                assert record.activations[twin.name][branch].shape == (2, layer.tokens, layer.channels)
                assert not torch.equal(
                    record.activations[twin.name][branch], record.activations[layer.name][branch]
                )


def test_a_wanderer_denoises_by_itself_from_the_same_noise(setting: Setting) -> None:
    (wanderer,) = controls()["permuted-own"].stand_ins(setting)
    assert not wanderer.networks
    model = setting.model
    by_hand = watched(model.with_denoiser(twin_of(model.adapter.denoiser(model.pipe), "permuted")))
    own = watched(model)
    tell = wanderer.batch(run)
    assert torch.equal(by_hand[0].latents, own[0].latents)
    assert not torch.equal(by_hand[-1].latents, own[-1].latents)
    for record, expected in zip(own, by_hand, strict=True):
        told = tell(record)
        assert set(told) == {layer.name for layer in wanderer.layers}
        for layer in LAYERS:
            for branch in BRANCHES:
                assert torch.equal(told[f"permuted-own.{layer}"][branch], expected.activations[layer][branch])
