"""Muon, against singular value decompositions."""

import pytest
import torch
from torch import nn

from studio import muon
from studio.muon import Muon, matrices, orthogonal


@pytest.mark.parametrize("shape", [(3, 40, 30), (2, 16, 144), (1, 20, 20)])
def test_orthogonal_is_near_the_factor_of_the_singular_value_decomposition(shape) -> None:
    generator = torch.Generator().manual_seed(0)
    some = torch.randn(shape, generator=generator)
    found = orthogonal(some)
    left, _, right = torch.linalg.svd(some, full_matrices=False)
    alike = nn.functional.cosine_similarity(found.flatten(1), (left @ right).flatten(1))
    assert (alike > 0.97).all()
    values = torch.linalg.svdvals(found)
    assert values.max() < 1.3 and values.mean() > 0.75


def test_wide_matrices_come_out_as_by_the_plain_iteration() -> None:
    some = torch.randn(2, 24, 216, generator=torch.Generator().manual_seed(1))
    some *= torch.logspace(0, -3, 24)[:, None]  # singular values over three orders of magnitude
    plain = muon._by_rounds(some / some.norm(dim=(1, 2), keepdim=True))
    torch.testing.assert_close(orthogonal(some), plain, atol=1e-4, rtol=1e-3)


def test_a_step_follows_the_gradients_factor_and_has_the_size_of_adams() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = [nn.Parameter(torch.randn(32, 4, 3, 3, generator=generator)) for _ in range(2)]
    before = [weight.detach().clone() for weight in weights]
    for weight in weights:
        weight.grad = torch.randn(weight.shape, generator=generator)
    Muon(weights, lr=0.01).step()
    for weight, old in zip(weights, before, strict=True):
        step = (old - weight.detach()).flatten(1)
        left, _, right = torch.linalg.svd(weight.grad.flatten(1), full_matrices=False)
        assert nn.functional.cosine_similarity(step.flatten(), (left @ right).flatten(), dim=0) > 0.97
        assert float(step.square().mean().sqrt()) == pytest.approx(0.01 * 0.2, rel=0.2)


def test_vectors_embeddings_and_narrow_matrices_are_left_to_others() -> None:
    network = nn.Sequential(
        nn.Embedding(50, 32), nn.Linear(32, 64), nn.Conv2d(4, 32, 3), nn.Conv2d(32, 64, 3), nn.LayerNorm(64)
    )
    wide, rest = matrices(network)
    assert [tuple(p.shape) for p in wide] == [(64, 32), (64, 32, 3, 3)]
    assert len(wide) + len(rest) == len(list(network.parameters()))
