"""The non-linear probe reads what a linear one cannot, and as much as one where all is linear."""

import torch

from underpainting.probes import train_two_layer_probe


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
