"""A non-linear probe, trained by gradient descent: how much is there that a linear one cannot read?"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, huber_loss

from underpainting.probes.moments import full_float32

HIDDEN = 128


class TwoLayerProbe(nn.Module):
    """Two layers on each token alone: activations [..., channel] to a reading [...]."""

    def __init__(self, mean: Tensor, spread: Tensor) -> None:
        """Random weights, for activations of this mean and standard deviation [channel]."""
        super().__init__()
        self.mean, self.spread = mean, spread
        self.layers = nn.Sequential(nn.Linear(len(mean), HIDDEN), nn.GELU(), nn.Linear(HIDDEN, 1))

    def forward(self, x: Tensor) -> Tensor:
        """See the class; a binary property's reading is a logit, others' are standardised."""
        read: Tensor = self.layers((x.float() - self.mean) / self.spread)
        return read[..., 0]


def train_two_layer_probe(
    activations: Tensor,
    labels: Tensor,
    binary: bool,
    *,
    epochs: int = 30,
    batch: int = 4,
    lr: float = 1e-3,
    seed: int = 0,
) -> TwoLayerProbe:
    """Train on activations [picture, token, channel] and labels averaged to tokens [picture, token].

    Adam with a cosine to zero, cross-entropy for a binary property and Huber's loss on standardised labels
    for others, as the published linear probes were trained (Chen, Viegas and Wattenberg 2023).
    """
    flat = activations.float().flatten(0, 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        probe = TwoLayerProbe(flat.mean(0), flat.std(0).clamp(min=1e-6))
    target = labels.float() if binary else (labels - labels.mean()) / labels.std()
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(probe.parameters(), lr=lr)
    loss = binary_cross_entropy_with_logits if binary else huber_loss
    rounds = epochs * -(-len(activations) // batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, rounds)
    with full_float32(activations.device):
        for _ in range(epochs):
            for chosen in torch.split(torch.randperm(len(activations), generator=generator), batch):
                read = probe(activations[chosen])
                optimiser.zero_grad()
                loss(read, target[chosen]).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
    return probe.eval().requires_grad_(False)
