"""The published probe, trained by gradient descent: a reference to compare the solved ones with."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from underpainting.probes.patches import Grid, square_grid

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
) -> Tensor:
    """Train the paper's probe on activations [picture, token, channel] and labels [picture, H, W].

    One linear map a token without bias; predictions are enlarged to the label by nearest interpolation; Adam.
    saliency: 2 outputs, cross-entropy, lr 1e-3. depth, shading: 1 output, Huber, lr 1e-3 and 1e-2, on labels
    standardised by one mean and one deviation of the whole set. Returns weight [channel, 2 or 1].
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
    trained: Tensor = weight.detach()
    return trained


def gradient_scores(weight: Tensor, activations: Tensor) -> Tensor:
    """Read a trained probe: [..., token, channel] to [..., token] (saliency: object minus background)."""
    direction = weight[:, 1] - weight[:, 0] if weight.shape[1] == 2 else weight[:, 0]
    return activations.float() @ direction


def _standardised(labels: Tensor) -> Tensor:
    return (labels - labels.mean()) / labels.std()
