"""Studies side by side, on scores whose difference is known."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from underpainting.errors import UnderpaintingError
from underpainting.findings.compare import Side, compare
from underpainting.findings.cubes import Scores


def side(last: np.ndarray, texts: list[str], layer: str = "b") -> Side:
    """A study of one picture a prompt with given scores at its best layer's last step, 0 elsewhere."""
    cube = np.zeros((2, 4, len(last)))
    cube[1, 3] = last
    count = len(last)
    scores = Scores(
        tuple(map(str, range(count))),
        np.arange(count),
        ("a", "b"),
        3,
        {("depth", "spearman", "probe"): cube},
        tuple(texts),
    )
    return Side(scores, {"depth": layer})


def test_differences_are_paired_by_prompt() -> None:
    rng = np.random.default_rng(0)
    hard = rng.normal(0.5, 0.2, 200)  # how hard each prompt is: the same in both studies
    one = side(hard[:150], [f"prompt {i}" for i in range(150)])
    order = rng.permutation(np.arange(50, 200))
    change = 0.03 + rng.normal(0, 0.02, 200)
    two = side((hard + change)[order], [f"prompt {i}" for i in order])
    first, second = compare({"one": one, "two": two})
    assert (first.study, first.shared, first.difference) == ("one", 0, None)
    assert first.mean == pytest.approx(hard[:150].mean())
    assert second.shared == 100
    both = np.arange(50, 150)
    assert second.difference == pytest.approx(change[both].mean())
    paired = ttest_rel(hard[both] + change[both], hard[both]).confidence_interval(0.95)
    assert second.difference_low == pytest.approx(paired.low, abs=0.002)
    assert second.difference_high == pytest.approx(paired.high, abs=0.002)


def test_studies_without_common_prompts_have_no_difference() -> None:
    rows = compare({"one": side(np.ones(3), ["a", "b", "c"]), "two": side(np.ones(3), ["c", "d", "e"])})
    assert [(row.shared, row.difference) for row in rows] == [(0, None), (1, None)]


def test_any_step_that_all_have() -> None:
    sides = {"one": side(np.ones(3), ["a", "b", "c"]), "two": side(np.full(3, 0.5), ["a", "b", "c"])}
    assert [row.mean for row in compare(sides)] == [row.mean for row in compare(sides, 3)] == [1, 0.5]
    assert [row.mean for row in compare(sides, 2)] == [0, 0] and compare(sides, 2)[1].difference == 0
    with pytest.raises(UnderpaintingError, match=r"^step 4: one has steps from 1 to 3"):
        compare(sides, 4)


def test_each_study_is_read_at_its_own_best_layer() -> None:
    rows = compare({"one": side(np.ones(3), ["a", "b", "c"]), "two": side(np.ones(3), ["a", "b", "c"], "a")})
    assert [(row.layer, row.mean) for row in rows] == [("b", 1.0), ("a", 0.0)]
    assert rows[1].difference == -1
