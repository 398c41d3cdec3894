"""A score table as arrays, and the best layers in them."""

from pathlib import Path

import numpy as np

from underpainting.findings.cubes import best_layers, of_layer, read_scores
from underpainting.records import SCORES, make_table, write_table


def test_scores_of_no_layer_stand_in_every_layer(tmp_path: Path) -> None:
    rows = [("up.1.0", 1, "conditional", "probe", 0.5), ("", 2, "", "estimator:noisy", 0.7)]
    columns = {
        "property": ["depth"] * 2,
        "layer": [row[0] for row in rows],
        "step": [row[1] for row in rows],
        "branch": [row[2] for row in rows],
        "image": ["a"] * 2,
        "prompt": ["p"] * 2,
        "source": [row[3] for row in rows],
        "metric": ["spearman"] * 2,
        "value": [row[4] for row in rows],
    }
    write_table(tmp_path / "scores.parquet", make_table(SCORES, columns), SCORES)
    found = read_scores(tmp_path / "scores.parquet", ("up.1.0", "up.3.0"), 2, ("conditional",))
    assert [found.at("depth", "spearman", "estimator:noisy", name, 2) for name in found.layers] == [0.7, 0.7]
    assert np.isnan(found.at("depth", "spearman", "estimator:noisy", "up.1.0", 1)).all()
    assert found.at("depth", "spearman", "probe", "up.1.0", 1) == [0.5]


def test_best_layers_are_chosen_in_each_draw() -> None:
    curves = np.array([[[0.1, 0.9], [0.2, 0.5]], [[0.1, np.nan], [0.2, 0.5]]])
    assert best_layers(curves).tolist() == [0, 1]
    assert of_layer(curves, best_layers(curves)).tolist() == [[0.1, 0.9], [0.2, 0.5]]
