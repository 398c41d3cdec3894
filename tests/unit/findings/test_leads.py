"""How far the probe is ahead, on scores whose answer is known; tests against SciPy and Holm's own example."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from statsmodels.stats.multitest import multipletests

from underpainting.findings.cubes import Scores
from underpainting.findings.leads import holm, leads_table, sign_test


def scores(**steps: list[int]) -> Scores:
    """Sources that jump from 0 to 0.8 at a step of each picture (6: never), of 5 steps, in two layers."""
    cubes = {}
    for source, of in steps.items():
        cube = np.zeros((2, 6, len(of)))
        for picture, step in enumerate(of):
            cube[1, step:, picture] = 0.8
        cube[:, 0] = np.nan
        cubes["depth", "spearman", source.replace("_", ":")] = cube
    count = len(next(iter(steps.values())))
    return Scores(tuple(map(str, range(count))), np.arange(count), ("a", "b"), 5, cubes)


def test_leads_are_paired_by_picture_and_never_is_after_the_last_step() -> None:
    test = scores(probe=[1, 2, 3, 1, 2, 1], latents_clean=[3, 4, 3, 6, 2, 2])
    row = leads_table(test, {"depth": "spearman"}, {"depth": "b"}).to_pylist()[0]
    assert (row["property"], row["layer"], row["source"], row["pictures"]) == (
        "depth",
        "b",
        "latents:clean",
        6,
    )
    assert row["steps"] == pytest.approx(np.mean([2, 2, 0, 5, 0, 1]))
    assert row["low"] < row["steps"] < row["high"]
    assert (row["ahead"], row["behind"]) == (4, 0)
    assert row["p"] == pytest.approx(2 * binom.pmf(0, 4, 0.5))
    assert row["p_holm"] == row["p"]


def test_a_picture_without_the_opponent_does_not_count() -> None:
    test = scores(probe=[1, 1, 1], estimator_clean=[2, 3, 1])
    test.cubes["depth", "spearman", "estimator:clean"][:, :, 1] = np.nan
    row = leads_table(test, {"depth": "spearman"}, {"depth": "b"}).to_pylist()[0]
    assert row["pictures"] == 2 and row["steps"] == pytest.approx(0.5)


def test_a_prompt_has_one_sign() -> None:
    lead = np.array([3.0, -1.0, -1.0, -1.0, 0.0, np.nan])
    assert sign_test(lead, np.array([0, 0, 1, 1, 2, 3]))[:2] == (1, 1)
    assert sign_test(np.array([np.nan]), np.array([0])) == (0, 0, 1.0)


@pytest.mark.parametrize("prompts", [1, 2, 7, 40])
def test_the_sign_test_is_scipys(prompts: int) -> None:
    for ahead in range(prompts + 1):
        lead = np.where(np.arange(prompts) < ahead, 1.0, -2.0)
        expected = binomtest(ahead, prompts).pvalue
        assert sign_test(lead, np.arange(prompts)) == (ahead, prompts - ahead, pytest.approx(expected))


def test_holm_on_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


@settings(max_examples=8, deadline=None)  # statsmodels takes its time
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_statsmodels(p: list[float]) -> None:
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_leads_of_exchangeable_readers_turn_their_sign_with_them() -> None:
    steps = {"one": [2, 4, 3, 1, 5, 6, 2], "other": [3, 3, 2, 4, 6, 5, 1]}
    leads = [
        leads_table(scores(probe=steps[a], latents_clean=steps[b]), {"depth": "spearman"}, {"depth": "b"})
        for a, b in (("one", "other"), ("other", "one"))
    ]
    here, there = (table.to_pylist()[0] for table in leads)
    assert here["steps"] == pytest.approx(-there["steps"])
    assert (here["ahead"], here["behind"]) == (there["behind"], there["ahead"])
    assert here["p"] == there["p"]


def test_a_picture_that_is_read_badly_has_no_bar_of_its_own() -> None:
    test = scores(probe=[1, 1, 1, 1], latents_clean=[2, 2, 2, 2])
    test.cubes["depth", "spearman", "probe"][:, :, 3] *= 0.5
    test.cubes["depth", "spearman", "latents:clean"][:, :, 3] *= 0.5
    row = leads_table(test, {"depth": "spearman"}, {"depth": "b"}).to_pylist()[0]
    assert row["steps"] == pytest.approx(3 / 4)  # neither reader is ever at the bar in the last picture


def test_p_values_are_adjusted_over_the_whole_table() -> None:
    test = scores(probe=[1] * 8, latents_clean=[2] * 8, latents_noisy=[1] * 7 + [2])
    rows = leads_table(test, {"depth": "spearman"}, {"depth": "b"}).to_pylist()
    assert [row["p_holm"] for row in rows] == holm([row["p"] for row in rows])
    assert len(rows) == 2 and min(row["p_holm"] for row in rows) == pytest.approx(2 * 2 / 2**8)
