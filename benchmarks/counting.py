"""How much work the published procedure is, counted exactly."""

from __future__ import annotations

import math

EPOCHS, BATCH = 30, 4


def block(layer: str) -> str:
    """Block of a layer's short name: `up.3` of `up.3.0`, `mid` of `mid.0`."""
    return layer.rpartition(".")[0]


def evaluations(pictures: int, blocks: int, steps: int, properties: int) -> int:
    """Network evaluations to make every picture anew for each step, block and property.

    Each time from noise up to that step: step s takes s evaluations.
    """
    return pictures * blocks * properties * steps * (steps + 1) // 2


def iterations(pictures: int, probes: int) -> int:
    """Adam iterations to train so many probes on so many pictures."""
    return EPOCHS * math.ceil(pictures / BATCH) * probes
