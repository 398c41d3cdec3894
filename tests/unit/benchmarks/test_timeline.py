"""The simulated timeline against what can be said of it without simulating."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from benchmarks.timeline import SDXL, in_order, makespan

SECONDS = some.lists(some.floats(0.1, 10), min_size=1, max_size=40)


@given(made=SECONDS, fold=some.floats(0, 3))
def test_one_worker_makes_all_and_each_is_folded_after_the_one_before(made: list[float], fold: float) -> None:
    ends = [sum(made[: i + 1]) for i in range(len(made))]
    slowest = max(end + (len(made) - i) * fold for i, end in enumerate(ends))
    assert makespan(made, 1, fold) == pytest.approx(slowest)


@given(made=SECONDS, fold=some.floats(0, 3), workers=some.integers(1, 50))
def test_no_timeline_is_shorter_than_its_work_or_than_its_folds(
    made: list[float], fold: float, workers: int
) -> None:
    took = makespan(made, workers, fold)
    bounds = sum(made) / workers + fold, max(made) + fold, min(made) + len(made) * fold
    assert took >= max(bounds) * (1 - 1e-9)
    assert took <= sum(made) + len(made) * fold + 1e-9
    assert makespan(made, len(made), 0) == pytest.approx(max(made))


@given(made=SECONDS, fold=some.floats(0.01, 3), ways=some.integers(1, 16))
def test_folding_over_processes_is_folding_faster_and_a_group_of_all_is_folded_twice(
    made: list[float], fold: float, ways: int
) -> None:
    assert makespan(made, 4, fold, ways=ways) == pytest.approx(makespan(made, 4, fold / ways))
    assert makespan(made, 4, fold, group=len(made)) == pytest.approx(
        makespan(made, 4, fold) + (fold if len(made) > 1 else 0)
    )


def test_groups_are_folded_beside_each_other() -> None:
    assert in_order([1, 1, 1, 5], 2) == 9
    assert makespan([1.0] * 100, 100, 2) == 201
    assert makespan([1.0] * 100, 100, 2, group=10) == 1 + 10 * 2 + 10 * 2


def test_totals_are_as_large_as_the_layers_say() -> None:
    moments = 30 * 8 * (10 * 646 * 647 + 60 * 1286 * 1287)
    means = 30 * 8 * (10 * 64**2 * 640 + 60 * 32**2 * 1280)
    assert SDXL.moments == moments
    assert SDXL.totals == moments + means + 8 * 3 * (64**2 + 32**2)
