"""What calibrate pictures teach, against NumPy; and where cuts are made."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from underpainting.seeds.layout import Maps
from underpainting.seeds.lessons import ENOUGH, cuts, lessons
from underpainting.seeds.predict import Seen
from underpainting.seeds.wish import judged

MEAN = judged("mean", lambda maps: maps["a"].mean((1, 2)).clamp(0, 1))


@dataclass
class Ways:
    """Maps of one cell: as they are, and another way."""

    def ways(self, seen: Seen) -> dict[str, Maps]:
        return {way: {"a": maps} for (_, way), maps in seen.maps.items()}


def seen(**ways: torch.Tensor) -> Seen:
    return Seen(3, {("a", way): of[:, None, None] for way, of in ways.items()}, torch.empty(0))


def test_a_lesson_is_the_regression_of_finished_scores_on_predicted_ones() -> None:
    generator = np.random.default_rng(0)
    predicted = generator.uniform(0.2, 0.8, 40)
    finished = np.clip(0.1 + 0.7 * predicted + generator.normal(0, 0.05, 40), 0, 1)
    taught = lessons(
        MEAN, Ways(), [seen(first=torch.tensor(predicted))], {"a": torch.tensor(finished)[:, None, None]}
    )
    slope, offset = np.polyfit(predicted, finished, 1)
    residuals = finished - (offset + slope * predicted)
    lesson = taught[3]
    assert (lesson.slope, lesson.offset) == pytest.approx((slope, offset))
    assert lesson.deviation == pytest.approx(math.sqrt((residuals**2).sum() / 38))
    assert lesson.correlation == pytest.approx(np.corrcoef(predicted, finished)[0, 1])
    assert (lesson.step, lesson.pictures) == (3, 40)
    assert float(lesson.expected(torch.tensor(0.5))) == pytest.approx(offset + slope * 0.5)


def test_the_way_that_foretells_best_is_taken_where_pictures_are_enough() -> None:
    finished = torch.linspace(0, 1, 2 * ENOUGH, dtype=torch.float64)
    poor = torch.rand(2 * ENOUGH, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = {"a": finished[:, None, None]}
    assert lessons(MEAN, Ways(), [seen(first=poor, other=finished)], labels)[3].way == "other"
    few = seen(first=poor[:4], other=finished[:4])
    assert lessons(MEAN, Ways(), [few], {"a": finished[:4, None, None]})[3].way == "first"


def test_what_teaches_nothing_keeps_the_order_of_the_predicted_scores() -> None:
    same = torch.full((20,), 0.5, dtype=torch.float64)
    lesson = lessons(MEAN, Ways(), [seen(first=same)], {"a": same[:, None, None]})[3]
    assert math.isnan(lesson.correlation) and lesson.deviation == 0
    first, second = lesson.expected(torch.tensor([0.2, 0.9])).tolist()
    assert first < second


def test_what_foretells_the_opposite_foretells_nothing() -> None:
    finished = torch.linspace(0.2, 0.6, 20, dtype=torch.float64)
    lesson = lessons(MEAN, Ways(), [seen(first=1 - finished)], {"a": finished[:, None, None]})[3]
    assert lesson.correlation == pytest.approx(-1) and lesson.slope == 0
    assert lesson.expected(torch.tensor([0.1, 0.9])).tolist() == pytest.approx([0.4, 0.4], abs=1e-5)
    assert lesson.deviation == pytest.approx(float(finished.std()) * math.sqrt(19 / 18))


def test_cuts_are_at_the_same_shares_of_any_number_of_steps() -> None:
    assert cuts(15) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert cuts(50) == [4, 7, 10, 14, 17, 20, 24, 27]
    assert cuts(3) == [1, 2] and cuts(2) == [1] and cuts(1) == []
