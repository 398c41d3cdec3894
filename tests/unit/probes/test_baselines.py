"""Probes trained by gradient descent: the published one learns what is there, two layers read products."""

import torch

from tests.unit.probes.test_fitted import world
from underpainting.probes import train_gradient_probe, train_two_layer_probe


def data(pictures: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(pictures, 16, 6, generator=generator)
    return x * 3 + 1, x


def test_a_product_of_channels_is_read() -> None:
    given, x = data(80, 0)
    label = 5 + 2 * x[..., 0] * x[..., 1]
    probe = train_two_layer_probe(given, label, binary=False)
    test, x = data(20, 1)
    wanted = (x[..., 0] * x[..., 1]).flatten()
    assert torch.corrcoef(torch.stack([probe(test).flatten(), wanted]))[0, 1] > 0.95
    flat = torch.cat([given.flatten(0, 1), torch.ones(80 * 16, 1)], dim=1)
    weight = torch.linalg.lstsq(flat, label.flatten()[:, None]).solution
    linear = torch.cat([test.flatten(0, 1), torch.ones(20 * 16, 1)], dim=1) @ weight
    assert torch.corrcoef(torch.stack([linear[:, 0], wanted]))[0, 1] < 0.3


def test_a_binary_reading_is_a_logit_and_training_repeats_itself() -> None:
    given, x = data(80, 0)
    label = (x[..., 0] > 0).float()
    probe = train_two_layer_probe(given, label, binary=True)
    test, x = data(20, 1)
    assert ((probe(test) > 0) == (x[..., 0] > 0)).float().mean() > 0.95
    before = torch.get_rng_state()
    again = train_two_layer_probe(given, label, binary=True)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(again(test), probe(test))


def test_the_gradient_trained_probe_learns_the_same(pictures: int = 24) -> None:
    activations, mask, depth = world(pictures)
    saliency = train_gradient_probe(activations, mask, "saliency", epochs=20, lr=0.05)
    assert saliency.weight.shape == (6,) and saliency.bias == 0
    read = saliency.apply(activations)
    tokens = mask[:, ::3, ::3].reshape(pictures, 16)
    assert read[tokens == 1].mean() > read[tokens == 0].mean() + 1
    probe = train_gradient_probe(activations, depth, "depth", epochs=20, lr=0.05)
    assert probe.weight.shape == (6,) and probe.bias == 0
    truth = depth[:, ::3, ::3].reshape(-1)
    read = probe.apply(activations).reshape(-1)
    assert torch.corrcoef(torch.stack([read, truth]))[0, 1] > 0.97


def test_the_gradient_trained_probe_starts_from_its_seed_and_its_rate() -> None:
    activations, _, shading = world(8)
    runs = [
        train_gradient_probe(activations, shading, "shading", epochs=1, seed=seed).weight
        for seed in (0, 0, 1)
    ]
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])
    explicit = train_gradient_probe(activations, shading, "shading", epochs=1, lr=1e-2)
    assert torch.equal(runs[0], explicit.weight)
