import numpy as np
import pytest
from underpainting.report.intervals import estimates


def test_mean_and_clustered_error_agree_with_the_textbook() -> None:
    rng = np.random.default_rng(0)
    prompts = np.repeat(np.arange(60), 4)
    values = rng.normal(0, 0.1, 60)[prompts] + rng.normal(0, 0.02, 240)
    found = estimates(values[None], prompts)[0]
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
    some, none = estimates(values, prompts)
    assert some.mean == pytest.approx(0.4)
    assert some.pictures == 3
    assert np.isfinite([some.low, some.high, some.error]).all()
    assert none.pictures == 0
    assert np.isnan([none.mean, none.low]).all()


def test_one_prompt_has_a_mean_and_no_interval() -> None:
    found = estimates(np.array([[0.2, 0.4]]), np.array([0, 0]))[0]
    assert found.mean == pytest.approx(0.3)
    assert np.isnan([found.error, found.low, found.high]).all()
    spread = estimates(np.array([[0.2, 0.4, np.nan]]), np.array([0, 0, 1]))[0]
    assert np.isnan(spread.low)
