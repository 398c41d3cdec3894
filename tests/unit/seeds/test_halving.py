"""Who goes on after a cut: never fewer than are to be finished, the best predicted, fewer the surer it is."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from underpainting.seeds.halving import LOSS, MOST, going_on
from underpainting.seeds.lessons import Lesson


def lesson(deviation: float, slope: float = 1.0) -> Lesson:
    return Lesson(1, "way", slope, 0.0, deviation, 0.8, 40)


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=40),
    st.integers(1, 10),
    st.floats(0, 2),
    st.floats(-2, 2),
)
def test_the_best_predicted_go_on_between_few_and_most(
    scores: list[float], finish: int, deviation: float, slope: float
) -> None:
    predicted = torch.tensor(scores, dtype=torch.float64)
    kept = going_on(predicted, lesson(deviation, slope), finish)
    assert len(set(kept)) == len(kept)
    assert min(finish, len(scores)) <= len(kept) <= max(finish, MOST * len(scores) + 1)
    left = [score for i, score in enumerate(scores) if i not in kept]
    assert predicted[kept].tolist() == sorted(predicted[kept].tolist(), reverse=True)
    assert not left or min(scores[i] for i in kept) >= max(left)


def test_the_surer_the_prediction_the_fewer_go_on() -> None:
    predicted = torch.linspace(0, 1, 64, dtype=torch.float64)
    counts = [len(going_on(predicted, lesson(of), 4)) for of in (0.0, 0.05, 0.1, 0.2, 5.0)]
    assert counts[0] == 4 and counts[:4] == sorted(counts[:4]) and counts[3] > 8
    flat = torch.full((64,), 0.5, dtype=torch.float64)
    assert len(going_on(flat, lesson(0.2), 4)) == MOST * 64 and counts[-1] > 8


def test_what_is_met_already_needs_no_choosing() -> None:
    """Scores end at 1: of many that surely meet the wish any will do."""
    predicted = torch.tensor([1.0] * 40 + [0.2] * 24, dtype=torch.float64)
    assert len(going_on(predicted, lesson(0.02), 4)) < 8


def test_what_is_lost_of_the_best_is_as_allowed() -> None:
    """Over many races in which predictions err as taught, a cut that is not at its most keeps its promise."""
    generator = torch.Generator().manual_seed(3)
    kept_share = []
    for _ in range(150):
        predicted = 0.6 * torch.rand(64, generator=generator, dtype=torch.float64)
        finished = predicted + 0.1 * torch.randn(64, generator=generator, dtype=torch.float64)
        kept = going_on(predicted, lesson(0.1), 4)
        assert 4 < len(kept) < MOST * 64
        best = [float(of.clamp(0, 1).topk(4).values.sum()) for of in (finished[kept], finished)]
        kept_share.append(best[0] / best[1])
    assert sum(kept_share) / 150 == pytest.approx(1 - LOSS, abs=LOSS)
