"""Which pictures go on after a cut: the fewest by which next to nothing of the best is lost."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from underpainting.seeds.lessons import Lesson

LOSS = 0.01
"""The share of the best pictures' scores that a cut may be expected to lose, as far as `MOST` allows."""

MOST = 0.75
"""The share that goes on at most, however little is known yet: the rest goes as in successive halving
(Jamieson and Talwalkar 2016, arXiv 1502.07943), so that what all cuts cost is bounded."""

DRAWS, NUMBERS = 1000, 10**7
"""Draws of all pictures' scores, fewer where that would be more numbers."""


def going_on(predicted: Tensor, lesson: Lesson, finish: int) -> list[int]:
    """Places of the pictures that go on, best first by the predicted score [picture]; `finish` at least.

    Finished scores are drawn, in 0..1: what the lesson expects of the predicted one, and a normal deviation
    as large as the calibrate pictures'. Those of the highest predicted scores go on, as few as keep, in the
    mean of all draws, all but `LOSS` of the sum of the best so many; and `MOST` of all at most. The draws are
    the same in every run.
    """
    order = predicted.argsort(descending=True, stable=True)
    few, count = min(finish, len(predicted)), len(predicted)
    drawn = _drawn(predicted[order].double(), lesson)

    def best(first: int) -> float:
        """The sum of the best so many of the first pictures, in the mean."""
        return float(drawn[:, :first].topk(few, dim=1).values.sum(1).mean())

    wanted = (1 - LOSS) * best(count)
    low, high = few, min(count, max(few, math.ceil(MOST * count)))
    while low < high:  # the best of more are no worse
        middle = (low + high) // 2
        low, high = (low, middle) if best(middle) >= wanted else (middle + 1, high)
    return order[:low].tolist()


def _drawn(predicted: Tensor, lesson: Lesson) -> Tensor:
    """Finished scores [draw, picture], float64."""
    draws = max(1, min(DRAWS, NUMBERS // len(predicted)))
    noise = torch.empty(draws, len(predicted), dtype=torch.float64)
    noise.normal_(generator=torch.Generator().manual_seed(0))
    return (lesson.expected(predicted) + lesson.deviation * noise).clamp(0, 1)
