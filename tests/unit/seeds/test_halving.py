"""Who goes on after a cut: never fewer than are to be finished, the best predicted, fewer the surer it is."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from underpainting.seeds.halving import MOST, RISK, chances, going_on
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
    assert counts[0] == 4 and counts[-1] == MOST * 64 and counts == sorted(counts)


def test_chances_are_those_of_normal_deviations() -> None:
    """Of two, the better is the best with the chance that the difference of two deviations is smaller."""
    predicted = torch.tensor([0.6, 0.4], dtype=torch.float64)
    first = float(chances(predicted, lesson(0.2), 1)[0])
    wanted = torch.distributions.Normal(0.0, 0.2 * 2**0.5).cdf(torch.tensor(0.2))
    assert first == pytest.approx(float(wanted), abs=0.04)
    assert float(chances(predicted, lesson(0.2), 1).sum()) == pytest.approx(1)


def test_what_is_lost_of_the_best_is_as_allowed() -> None:
    """Over many races in which predictions err as taught, a cut that is not at its most keeps its promise."""
    generator = torch.Generator().manual_seed(3)
    kept_share, cut_short = [], 0
    for _ in range(150):
        predicted = torch.rand(64, generator=generator, dtype=torch.float64)
        finished = predicted + 0.1 * torch.randn(64, generator=generator, dtype=torch.float64)
        kept = going_on(predicted, lesson(0.1), 4)
        cut_short += len(kept) < MOST * 64
        best = set(finished.topk(4).indices.tolist())
        kept_share.append(len(best & set(kept)) / 4)
    assert cut_short == 150
    assert sum(kept_share) / 150 == pytest.approx(1 - RISK, abs=0.05)
