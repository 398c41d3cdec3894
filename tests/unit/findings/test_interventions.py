"""Summaries of interventions on simulated scores whose means and differences are known."""

import numpy as np
import pytest

from underpainting.findings.interventions import interventions
from underpainting.records import INTERVENTIONS, make_table


def test_means_and_paired_differences() -> None:
    rng = np.random.default_rng(0)
    rows = []
    for picture in range(30):
        hard = rng.normal(0, 0.2)
        for trial in range(3):
            for condition, mean in (("null", 0.2), ("intervened", 0.6), ("random", 0.3)):
                value = mean + hard + rng.normal(0, 0.01)
                about = (f"image {picture}", f"prompt {picture // 2}", trial, condition)
                rows.append((*about, "saliency", "saliency", "target", value))
    columns = dict(zip(INTERVENTIONS.names, map(list, zip(*rows, strict=True)), strict=True))
    order = rng.permutation(len(rows))
    shuffled = {name: [of[i] for i in order] for name, of in columns.items()}
    found = {row.condition: row for row in interventions(make_table(INTERVENTIONS, shuffled))}
    values = {c: [r[-1] for r in rows if r[3] == c] for c in found}
    for condition, row in found.items():
        assert row.mean == pytest.approx(np.mean(values[condition]))
        assert (row.pictures, row.trials) == (30, 3) and row.low < row.mean < row.high
    assert np.isnan(found["intervened"].above)
    assert found["null"].above == pytest.approx(0.4, abs=0.01)
    # Pictures are hard or easy under every condition: paired differences are far surer than the means.
    assert found["random"].above_high - found["random"].above_low < 0.02
    assert found["random"].high - found["random"].low > 0.05


def test_the_class_of_pictures_that_had_the_right_one() -> None:
    """Six pictures, four of them right before; the edit keeps three of those and one other."""
    right, kept = [1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 1, 0]
    rows = []
    for i in range(6):
        for condition, values in (("null", (1, right[i])), ("intervened", (kept[i], 1))):
            for metric, value in zip(("class_kept", "class_right"), values, strict=True):
                rows.append((f"image {i}", f"prompt {i}", 0, condition, "saliency", "", metric, float(value)))
    columns = dict(zip(INTERVENTIONS.names, map(list, zip(*rows, strict=True)), strict=True))
    found = {(row.condition, row.metric): row for row in interventions(make_table(INTERVENTIONS, columns))}
    assert found["intervened", "class_kept"].mean == pytest.approx(4 / 6)
    assert found["intervened", "class_kept_if_right"].mean == pytest.approx(3 / 4)
    assert found["null", "class_kept_if_right"].mean == 1
