"""Schedules: what comes of them against every draw there is, and what they cost against counted steps."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.regret.curves import goal_schedule
from benchmarks.regret.schedules import Schedule, Seconds, best_of, evaluations, outcome, schedules, wall

SECONDS = Seconds(begin=0.5, step=1.0, read={"probe": 0.25, "estimator": 3.0}, decode=2.0, label=1.0)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), min_size=1, max_size=7),
    st.data(),
)
def test_the_best_of_equals_is_the_mean_over_all_draws(
    pairs: list[tuple[int, int]], data: st.DataObject
) -> None:
    predicted, target = np.array(pairs, dtype=float).T
    count = data.draw(st.integers(1, len(pairs)))
    drawn = [
        list(chosen)
        for chosen in combinations(range(len(pairs)), count)
        if min(predicted[list(chosen)])
        >= max([predicted[i] for i in range(len(pairs)) if i not in chosen], default=-1)
    ]
    best, mean = best_of(predicted, target, count)
    assert best == pytest.approx(np.mean([target[chosen].max() for chosen in drawn]))
    assert mean == pytest.approx(np.mean([target[chosen].mean() for chosen in drawn]))


def test_halving_keeps_what_each_round_ranks_first() -> None:
    target = np.arange(8.0)
    first = np.array([9, 8, 7, 6, 0, 0, 0, 0.0])  # drops the upper half
    predicted = {1: first, 2: target}
    assert outcome(Schedule(((1, 4), (2, 2))), predicted, target, np.zeros(8)) == (3.0, 2.5)


@pytest.mark.parametrize("stages", [((2, 6),), ((1, 32), (2, 16), (3, 4)), ((0, 5),)])
def test_costs_are_those_of_a_counted_run(stages: tuple[tuple[int, int], ...]) -> None:
    seeds, steps, schedule = 64, 15, Schedule(stages)
    alive, spent, time, reached = seeds, 0, 0.0, 0
    for step, kept in stages:
        for _ in range(alive):
            time += (0.5 if step else 0.0) + 0.25
            for _ in range(reached, step):
                spent, time = spent + 1, time + 1.0
        alive, reached = kept, step
    for _ in range(alive):
        time += 0.5 + 2.0 + 1.0
        for _ in range(reached, steps):
            spent, time = spent + 1, time + 1.0
    given = schedule.stretches(seeds), schedule.finished, seeds, steps
    assert evaluations(*given) == pytest.approx(spent / (seeds * steps))
    assert wall(*given, SECONDS, "probe") == pytest.approx(time / (seeds * (0.5 + 15 + 3)))


def test_the_schedules_of_the_goals_spend_their_shares() -> None:
    for share, step, kept in ((0.22, 2, 6), (0.11, 1, 3)):
        schedule = goal_schedule(share, step, range(1, 9), 64, 15)
        assert schedule == Schedule(((step, kept),))
        assert abs(evaluations(schedule.stretches(64), kept, 64, 15) - share) < 0.01
    assert goal_schedule(0.22, 2, (0,), 64, 15) == Schedule(((0, 14),))


def test_every_schedule_keeps_fewer_each_time_and_reads_only_given_steps() -> None:
    for seeds in (16, 64):
        tried = schedules((1, 2, 3, 4, 5), seeds)
        assert len(set(tried)) == len(tried) > 50
        for schedule in tried:
            steps, kept = zip(*schedule.stages, strict=True)
            assert list(steps) == sorted(set(steps))
            assert list(kept) == sorted(set(kept), reverse=True)
            assert max(kept) < seeds
    assert all(step == 0 for schedule in schedules((0,), 64) for step, _ in schedule.stages)
