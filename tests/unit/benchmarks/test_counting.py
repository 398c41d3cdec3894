"""Counts of the published procedure, against a loop that does nothing but count and published figures."""

import pytest

from benchmarks.counting import block, evaluations, iterations


@pytest.mark.parametrize(
    ("pictures", "blocks", "steps", "properties"), [(1, 1, 1, 1), (3, 2, 4, 2), (2, 7, 15, 3)]
)
def test_evaluations_equal_a_counted_loop(pictures: int, blocks: int, steps: int, properties: int) -> None:
    count = 0
    for _ in range(pictures * blocks * properties):
        for step in range(1, steps + 1):
            for _ in range(step):
                count += 1
    assert evaluations(pictures, blocks, steps, properties) == count


def test_one_property_takes_56_times_a_generation() -> None:
    assert evaluations(1, 7, 15, 1) == 840 == 56 * 15


def test_a_last_batch_that_is_not_full_is_an_iteration_too() -> None:
    assert iterations(5, 1) == 60
    assert iterations(100, 720) == 30 * 25 * 720


def test_blocks_of_stable_diffusion() -> None:
    assert [block(name) for name in ("down.0.1", "mid.0", "up.3.2", "up.0.0.7")] == [
        "down.0",
        "mid",
        "up.3",
        "up.0.0",
    ]
