"""Any network of logits as a classifier."""

from types import SimpleNamespace

import torch
from torch import nn

from underpainting.observers.network_classifier import NetworkClassifier


class Wrapped(nn.Module):
    """Gives its logits as transformers' networks do."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.network(pictures))


def test_logits_become_probabilities() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    pictures = torch.rand(3, 3, 4, 4)

    def halve(shown: torch.Tensor) -> torch.Tensor:
        return shown[..., ::2, ::2]

    with torch.no_grad():
        expected = network(halve(pictures)).softmax(1)
    for made in (network, Wrapped(network)):
        classifier = NetworkClassifier(made, halve, ["mug", "car"], name="two")
        assert torch.equal(classifier(pictures), expected) and classifier.classes == ("mug", "car")
    assert not any(weight.requires_grad for weight in network.parameters())
