"""Mean scores of a checkpoint: against numpy, in an order of their own."""

import numpy as np
import pytest

from studio.growth import at_best, means
from underpainting.records import SCORES, make_table


def test_means_of_a_table_of_scores() -> None:
    rng = np.random.default_rng(0)
    values = {
        (layer, step, source): rng.random(3)
        for layer in ("up.3.0", "up.2.0")
        for source, steps in (("probe", (1, 2)), ("position", (0,)), ("ceiling", (0,)))
        for step in steps
    }
    rows = [
        ("depth", layer, step, "conditional", f"image {i}", "a mug", source, "spearman", value)
        for (layer, step, source), of in values.items()
        for i, value in enumerate([*of, np.nan])
    ]
    table = make_table(
        SCORES, {name: list(of) for name, of in zip(SCORES.names, zip(*rows, strict=True), strict=True)}
    )
    found = means(table).to_pylist()
    assert [row["layer"] for row in found] == sorted(row["layer"] for row in found)
    for row in found:
        of = values[row["layer"], row["step"], row["source"]]
        assert row["value_mean"] == pytest.approx(of.mean()) and row["value_count"] == 3
    best = max(("up.3.0", "up.2.0"), key=lambda layer: values[layer, 2, "probe"].mean())
    assert at_best(found, "depth", "spearman") == {
        "probe": pytest.approx(values[best, 2, "probe"].mean()),
        "position": pytest.approx(values[best, 0, "position"].mean()),
        "ceiling": pytest.approx(values[best, 0, "ceiling"].mean()),
    }
