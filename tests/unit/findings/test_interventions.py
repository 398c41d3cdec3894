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
