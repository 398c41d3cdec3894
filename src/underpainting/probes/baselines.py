"""Probes trained by gradient descent, beside the solved ones: the published one, and a non-linear one."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from underpainting.probes.moments import full_float32
from underpainting.probes.patches import square_grid
from underpainting.probes.probe import Probe
from underpainting.vocabulary import Grid

HIDDEN = 128
Kind = Literal["saliency", "depth", "shading"]
_LEARNING_RATES = {"saliency": 1e-3, "depth": 1e-3, "shading": 1e-2}


def train_gradient_probe(
    activations: Tensor,
    labels: Tensor,
    kind: Kind,
    *,
    grid: Grid | None = None,
    epochs: int = 30,
    batch: int = 4,
    lr: float | None = None,
    seed: int = 0,
) -> Probe:
    """Train the paper's probe on activations [picture, token, channel] and labels [picture, H, W].

    One linear map a token without bias; predictions are enlarged to the label by nearest interpolation; Adam.
    saliency: 2 outputs, cross-entropy, lr 1e-3. depth, shading: 1 output, Huber, lr 1e-3 and 1e-2, on labels
    standardised by one mean and one deviation of the whole set. Gives a probe without further outputs; that
    of saliency reads object minus background.
    Chen, Viegas and Wattenberg 2023, "Beyond Surface Statistics", arXiv 2306.05720.
    """
    pictures, tokens, channels = activations.shape
    rows, columns = square_grid(tokens) if grid is None else grid
    device, size = activations.device, labels.shape[-2:]
    generator = torch.Generator().manual_seed(seed)
    outputs = 2 if kind == "saliency" else 1
    weight = (torch.rand(channels, outputs, generator=generator) * 2 - 1) / channels**0.5
    weight = weight.to(device).requires_grad_()
    target = labels.to(device).long() if kind == "saliency" else _standardised(labels.to(device).float())
    optimiser = torch.optim.Adam([weight], lr=_LEARNING_RATES[kind] if lr is None else lr)
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(pictures, generator=generator).to(device), batch):
            maps = (activations[chosen].float() @ weight).mT.reshape(-1, outputs, rows, columns)
            pixels = functional.interpolate(maps, size=size, mode="nearest")
            if kind == "saliency":
                loss = functional.cross_entropy(pixels, target[chosen])
            else:
                loss = functional.huber_loss(pixels[:, 0], target[chosen])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    trained = weight.detach()
    direction = trained[:, 1] - trained[:, 0] if outputs == 2 else trained[:, 0]
    return Probe(direction, torch.zeros((), device=device))


def _standardised(labels: Tensor) -> Tensor:
    return (labels - labels.mean()) / labels.std()


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
    target = labels.float() if binary else _standardised(labels)
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(probe.parameters(), lr=lr)
    loss = functional.binary_cross_entropy_with_logits if binary else functional.huber_loss
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
