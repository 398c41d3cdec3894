"""What an edit through a probe needs at one place: what it reads, and along which direction to change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.probes import Moments, Probe
from underpainting.probes.moments import full_float32


@dataclass(frozen=True)
class Direction:
    """One place's probes and the directions that change their readings, float32.

    probe: outputs [property]. minimum, covariance [channel, property]: a change of the readings by r is
    the change `r @ minimum.T` of the activation, the smallest, or `r @ covariance.T`, along which activations
    really vary with the readings (Haufe et al. 2014). middle, slope, label [property]: tokens whose label is
    y have the mean reading middle + slope (y - label), for a binary label the classes' means. spread
    [property]: standard deviation of the readings about that.
    """

    probe: Probe
    minimum: Tensor
    covariance: Tensor
    middle: Tensor
    slope: Tensor
    label: Tensor
    spread: Tensor

    def goal(self, labels: Tensor) -> Tensor:
        """Mean reading of tokens that have such labels: [..., property] to the same."""
        return self.middle + self.slope * (labels - self.label)

    def along(self, name: str) -> Tensor:
        """`minimum` or `covariance`, by name."""
        return {"minimum": self.minimum, "covariance": self.covariance}[name]


def direction_of(probe: Probe, moments: Moments, targets: Sequence[int]) -> Direction:
    """The directions of a place's probes.

    moments: of its fit activations and labels; targets: which of their labels are the probe's properties.
    Raises UnderpaintingError where the probes read nothing, or one reads what another does.
    """
    weight, columns = probe.weight.double(), list(targets)
    spread = moments.sxx / moments.n
    gram, reading = weight.T @ weight, weight.T @ spread @ weight
    if min(torch.linalg.matrix_rank(of).item() for of in (gram, reading)) < len(columns):
        raise UnderpaintingError(
            "the probes of these properties cannot be told apart by what they read; edit fewer of them, or "
            "other layers"
        )
    varies = moments.syy[columns, columns] / moments.n
    together = (weight * moments.sxy[:, columns]).sum(0) / moments.n
    slope = together / varies
    about = (reading.diagonal() - slope * together).clamp(min=0).sqrt()
    return Direction(
        probe,
        (weight @ torch.linalg.inv(gram)).float(),
        (spread @ weight @ torch.linalg.inv(reading)).float(),
        (moments.mean_x @ weight + probe.bias.double()).float(),
        slope.float(),
        moments.mean_y[columns].float(),
        about.float(),
    )


def changed(x: Tensor, direction: Direction, along: Tensor, goal: Tensor, strength: float) -> Tensor:
    """The change of activations x [..., channel] that takes their readings a part of the way to a goal.

    along [channel, property]: as `Direction.along` gives. goal [..., property]. strength: 1 goes all the way,
    exactly; more, beyond.
    """
    with full_float32(x.device):
        missing = (goal - direction.probe.apply(x)) * strength
        return missing @ along.T.to(x.device)


def by_gradient(
    x: Tensor,
    direction: Direction,
    labels: Tensor,
    binary: Sequence[bool],
    *,
    iterations: int = 128,
    rate: float = 5e-3,
) -> Tensor:
    """The change of activations x [picture, token, channel] that Adam finds, as published.

    labels [picture, token, property]: those wanted. The loss of a binary property is the cross-entropy of the
    log odds that its reading stands for under two normal classes of one spread; of another, Huber's of its
    reading against the mean reading of such labels. Kingma and Ba 2015; Chen, Viegas and Wattenberg 2023.
    """
    with torch.enable_grad():
        edited = x.detach().float().clone().requires_grad_()
        adam = torch.optim.Adam([edited], lr=rate)
        goal = direction.goal(labels).to(x.device)
        for _ in range(iterations):
            adam.zero_grad()
            loss = _loss(direction, direction.probe.apply(edited), labels.to(x.device), goal, binary)
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
    return edited.detach() - x


def _loss(
    direction: Direction, reading: Tensor, labels: Tensor, goal: Tensor, binary: Sequence[bool]
) -> Tensor:
    losses = []
    for i, is_binary in enumerate(binary):
        if is_binary:
            low, high = (direction.goal(torch.full_like(direction.label, of))[i] for of in (0, 1))
            scale = (high - low) / direction.spread[i].square().clamp(min=1e-12)
            share = direction.label[i].clamp(1e-6, 1 - 1e-6)
            odds = torch.log(share / (1 - share)) + scale * (reading[..., i] - (low + high) / 2)
            losses.append(torch.nn.functional.binary_cross_entropy_with_logits(odds, labels[..., i]))
        else:
            losses.append(torch.nn.functional.huber_loss(reading[..., i], goal[..., i]))
    return torch.stack(losses).sum()
