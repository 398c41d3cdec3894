"""Means and intervals: against the textbook, and as often right as they say."""

import numpy as np
import pytest

from underpainting.findings.intervals import cluster_draws, drawn_means, means, unpaired_interval


def test_mean_and_clustered_error_agree_with_the_textbook() -> None:
    rng = np.random.default_rng(0)
    prompts = np.repeat(np.arange(60), 4)
    values = rng.normal(0, 0.1, 60)[prompts] + rng.normal(0, 0.02, 240)
    found = means(values[None], prompts)[0]
    of_prompt = values.reshape(60, 4).mean(axis=1)
    textbook = of_prompt.std(ddof=1) / np.sqrt(60)
    assert found.mean == pytest.approx(values.mean(), abs=1e-12)
    assert found.error == pytest.approx(textbook, rel=0.06)
    assert found.error > 1.5 * values.std(ddof=1) / np.sqrt(240)
    assert found.high - found.low == pytest.approx(2 * 1.96 * textbook, rel=0.08)
    assert found.low < found.mean < found.high
    assert found.pictures == 240


def test_undefined_scores_are_left_out() -> None:
    prompts = np.array([0, 0, 1, 2, 2])
    values = np.array([[0.1, np.nan, 0.5, np.nan, 0.6], [np.nan] * 5])
    some, none = means(values, prompts)
    assert some.mean == pytest.approx(0.4)
    assert some.pictures == 3
    assert np.isfinite([some.low, some.high, some.error]).all()
    assert none.pictures == 0
    assert np.isnan([none.mean, none.low]).all()


def test_one_prompt_has_a_mean_and_no_interval() -> None:
    found = means(np.array([[0.2, 0.4]]), np.array([0, 0]))[0]
    assert found.mean == pytest.approx(0.3)
    assert np.isnan([found.error, found.low, found.high]).all()
    spread = means(np.array([[0.2, 0.4, np.nan]]), np.array([0, 0, 1]))[0]
    assert np.isnan(spread.low)


def test_draws_take_whole_prompts_and_keep_their_number() -> None:
    prompts = np.array([5, 5, 5, 2, 2, 9])
    draws = cluster_draws(prompts, count=500)
    assert (draws[:, 0] == draws[:, 1]).all() and (draws[:, 3] == draws[:, 4]).all()
    assert (draws[:, [0, 3, 5]].sum(1) == 3).all()
    assert np.array_equal(draws, cluster_draws(prompts, count=500))


def test_drawn_means_leave_out_undefined_scores() -> None:
    values = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])
    draws = np.array([[1, 1, 1], [2, 1, 0], [0, 3, 0]])
    means = drawn_means(values, draws)
    assert means[:2, 0].tolist() == [2.0, 1.0]
    assert np.isnan(means[2, 0]) and np.isnan(means[:, 1]).all()


def test_intervals_of_clustered_means_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    covered, trials, prompts = 0, 400, np.repeat(np.arange(40), 3)
    for trial in range(trials):
        values = (rng.normal(0, 0.1, 40)[prompts] + rng.normal(0, 0.05, 120))[None]
        means = drawn_means(values, cluster_draws(prompts, count=400, seed=trial))[:, 0]
        low, high = np.percentile(means, (2.5, 97.5))
        covered += low <= 0 <= high
    assert covered / trials == pytest.approx(0.95, abs=0.03)


def test_means_of_different_pictures_are_drawn_apart() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(0.6, 0.1, 80), rng.normal(0.5, 0.2, 50)
    low, high = unpaired_interval(one, np.arange(80), other, np.arange(50))
    error = np.sqrt(one.var(ddof=1) / 80 + other.var(ddof=1) / 50)
    assert (low + high) / 2 == pytest.approx(one.mean() - other.mean(), abs=0.2 * error)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.08)
    assert np.isnan(unpaired_interval(one, np.zeros(80, int), other, np.arange(50))).all()
