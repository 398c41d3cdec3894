"""Which pictures go on after a step: the fewest that most likely hold the best."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from underpainting.seeds.lessons import Lesson

RISK = 0.1
"""The share of the best that a cut may be expected to lose, as far as `MOST` allows."""

MOST = 0.75
"""The share that goes on at most, however little is known yet: the rest goes as in successive halving
(Jamieson and Talwalkar 2016, arXiv 1502.07943), so that what all cuts cost is bounded."""

DRAWS = 2000


def chances(predicted: Tensor, lesson: Lesson, finish: int) -> Tensor:
    """The chance of each picture [picture] to be among the best so many, float64.

    From draws of finished scores: what is expected of the predicted score, and a normal deviation as large as
    the calibrate pictures'. The draws are the same in every run.
    """
    noise = torch.randn(
        DRAWS, len(predicted), generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    drawn = lesson.expected(predicted.double()) + max(lesson.deviation, 1e-9) * noise
    best = drawn.topk(min(finish, len(predicted)), dim=1).indices
    return torch.bincount(best.flatten(), minlength=len(predicted)) / DRAWS


def going_on(predicted: Tensor, lesson: Lesson, finish: int) -> list[int]:
    """Places of the pictures that go on, best first by the predicted score; `finish` of them at least.

    Of all ways to keep so many the highest predicted scores have the most of the best: their chances are
    summed until all but `RISK` of the best are expected among them, or until `MOST` of the pictures go on.
    """
    order = predicted.argsort(descending=True, stable=True)
    expected = chances(predicted, lesson, finish)[order].cumsum(0)
    wanted = (1 - RISK) * min(finish, len(predicted))
    enough = int((expected < wanted).sum()) + 1
    most = math.ceil(MOST * len(predicted))
    return order[: max(finish, min(enough, most))].tolist()
