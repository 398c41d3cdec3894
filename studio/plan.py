"""How large the training of `studio.gpu` is, by what the machine can do."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from studio.diffusion import WIDTHS
from studio.training import device

ROOMY = 80.0  # gigabytes


@dataclass(frozen=True)
class Plan:
    """Networks' widths, what a batch holds, how much of it is coloured anew, and how much of that at once.

    A batch holds ``crops`` of ``crop`` pixels for the autoencoder, ``latents`` for the denoiser, ``pictures``
    for estimator and classifier.
    """

    autoencoder: tuple[int, ...]
    groups: int
    crop: int
    unet: tuple[int, ...]
    estimator: tuple[int, int, int, int]
    crops: int
    pictures: int
    latents: int
    fresh: int
    together: int
    told: float
    checked: int  # prompts
    compiled: bool


FULL = Plan(
    autoencoder=(32, 64, 96, 128),
    groups=16,
    crop=128,
    unet=WIDTHS,
    estimator=(24, 48, 96, 192),
    crops=64,
    pictures=256,
    latents=1024,
    fresh=32,
    together=256,
    told=0.5,
    checked=512,
    compiled=True,
)
REHEARSAL = Plan(
    autoencoder=(8, 8, 8, 8),
    groups=4,
    crop=32,
    unet=(16, 16, 16, 16),
    estimator=(4, 8, 8, 8),
    crops=2,
    pictures=2,
    latents=2,
    fresh=2,
    together=4,
    told=0.5,
    checked=2,
    compiled=False,
)


def fitting(plan: Plan, gigabytes: float) -> Plan:
    """The plan with its batches halved until a card of that memory holds them; FULL is for ROOMY."""
    halvings = max(0, math.ceil(math.log2(ROOMY / gigabytes)))
    return replace(
        plan,
        crops=max(1, plan.crops >> halvings),
        pictures=max(1, plan.pictures >> halvings),
        latents=max(1, plan.latents >> halvings),
        fresh=max(2, plan.fresh >> halvings),
        together=max(2, plan.together >> halvings),
    )


def plan_here() -> Plan:
    """What this machine can do."""
    if device().type != "cuda":
        return REHEARSAL
    return fitting(FULL, torch.cuda.get_device_properties(0).total_memory / 1e9)
