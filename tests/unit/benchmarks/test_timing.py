"""Interleaving and ratios."""

import pytest

from benchmarks.timing import interleaved, ratio


def test_jobs_take_turns_and_their_first_call_does_not_count() -> None:
    calls: list[str] = []
    times = interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3)
    assert calls == ["a", "b", "a", "b", "b", "a", "a", "b"]
    assert {name: len(of) for name, of in times.items()} == {"a": 3, "b": 3}


def test_ratio_pairs_what_ran_together() -> None:
    assert ratio([2.0, 30.0, 3.0], [1.0, 10.0, 3.0]) == pytest.approx(2.0)
