"""A fingerprint is another whenever what it stands for is."""

import copy

import torch
from torch import nn

from underpainting.observers.fingerprints import fingerprint, joined


def test_it_is_of_the_weights_alone() -> None:
    network = nn.Sequential(nn.Linear(3, 2))
    same, other = copy.deepcopy(network), copy.deepcopy(network)
    with torch.no_grad():
        other[0].bias[1] += 1e-6
    assert fingerprint(same) == fingerprint(network) != fingerprint(other)
    assert fingerprint(network[0]) != fingerprint(network)  # other names


def test_the_order_of_several_counts() -> None:
    assert joined(["a", "b"]) != joined(["b", "a"]) and joined(["a", "b"]) == joined(["a", "b"])
