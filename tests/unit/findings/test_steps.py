"""Emergence steps against their definition in words."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import isotonic_regression

from underpainting.findings.steps import (
    StepEstimate,
    at_bar,
    emergence,
    overtaken,
    rising,
    stays,
    step_estimate,
)


@given(arrays(bool, st.tuples(st.integers(1, 4), st.integers(1, 12))))
def test_stays_is_the_first_step_with_no_failure_after_it(holds: np.ndarray) -> None:
    for row, first in zip(holds, stays(holds), strict=True):
        expected = next((s for s in range(1, len(row) + 1) if row[s - 1 :].all()), 0)
        assert first == expected


@given(arrays(float, st.tuples(st.integers(1, 3), st.integers(1, 12)), elements=st.floats(-1, 1)))
def test_rising_is_isotonic_regression(curves: np.ndarray) -> None:
    for curve, risen in zip(curves, rising(curves), strict=True):
        assert np.allclose(risen, isotonic_regression(curve).x, atol=1e-9)


def test_undefined_scores_are_left_out_of_what_rises() -> None:
    risen = rising(np.array([0.5, np.nan, 0.3, 0.9]))
    assert np.isnan(risen[1]) and np.allclose(risen[[0, 2, 3]], [0.4, 0.4, 0.9])


def test_emergence_is_measured_from_the_floor_on_the_risen_curve() -> None:
    curve = np.array([0.4, 0.79, 0.6, 0.79, 0.77, 0.8])  # rises as 0.4, 0.695, 0.695, 0.78, 0.78, 0.8
    floor = np.array(0.4)
    assert emergence(curve, floor) == 4  # the bar is 0.76
    assert emergence(curve, floor, share=0.5) == 2
    assert emergence(curve, np.array(0.8)) == emergence(curve, np.array(0.9)) == 0
    assert emergence(np.array([0.1, np.nan]), np.array(0.0)) == 0
    assert emergence(np.array([[0.8, 0.8], [0.1, 0.8]]), np.array([0.4, 0.4])).tolist() == [1, 2]


def test_common_bar_and_overtaking() -> None:
    probe = np.array([0.2, 0.6, 0.7, 0.7])
    estimator = np.array([0.3, 0.1, 0.5, 0.9])
    assert at_bar(probe, np.array(0.63)) == 3 and at_bar(estimator, np.array(0.63)) == 4
    assert at_bar(estimator, np.array(0.95)) == 0
    assert overtaken(estimator, probe) == 4 and overtaken(probe, estimator) == 0


def test_not_reached_is_later_than_the_last_step() -> None:
    draws = np.array([3] * 60 + [4] * 39 + [0])
    assert step_estimate(3, draws, 15) == StepEstimate(3, 3, 4, 0.99)
    draws = np.array([3] * 90 + [0] * 10)
    assert step_estimate(3, draws, 15) == StepEstimate(3, 3, None, 0.9)
    assert step_estimate(0, np.zeros(50, int), 15) == StepEstimate(None, None, None, 0.0)
