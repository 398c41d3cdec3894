"""Growth over training: means against numpy, checkpoints in order, what is no checkpoint refused."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from underpainting.errors import UnderpaintingError
from underpainting.findings.growth import mean_scores, read_growth
from underpainting.records import SCORES, make_table, sealing, write_json, write_table
from underpainting.study.request.config import StudyConfig
from underpainting.study.request.prompts import PromptRow
from underpainting.study.study import create_study

ASKED = ({"depth": "up.3.0"}, {"depth": "spearman"}, "conditional")


def scores(seed: int) -> tuple[dict[tuple[str, int, str], np.ndarray], dict[str, list]]:
    rng = np.random.default_rng(seed)
    values = {
        (layer, step, source): rng.random(3)
        for layer in ("up.3.0", "up.2.0")
        for source, steps in (("probe", (1, 2)), ("position", (0,)), ("ceiling", (0,)))
        for step in steps
    }
    rows = [
        (
            "depth",
            layer,
            step,
            "conditional" if step else "",
            f"image {i}",
            "a mug",
            source,
            "spearman",
            value,
        )
        for (layer, step, source), of in values.items()
        for i, value in enumerate([*of, np.nan])
    ]
    return values, {name: list(of) for name, of in zip(SCORES.names, zip(*rows, strict=True), strict=True)}


def test_means_of_a_table_of_scores() -> None:
    values, columns = scores(0)
    found = mean_scores(make_table(SCORES, columns)).to_pylist()
    assert [row["layer"] for row in found] == sorted(row["layer"] for row in found)
    assert len(found) == len(values)
    for row in found:
        of = values[row["layer"], row["step"], row["source"]]
        assert row["value_mean"] == pytest.approx(of.mean()) and row["value_count"] == 3


def test_studies_and_tables_stand_in_the_order_of_training(tmp_path: Path) -> None:
    early, late = scores(1), scores(2)
    pq.write_table(mean_scores(make_table(SCORES, late[1])), tmp_path / "00012000.parquet")
    rows = [PromptRow(f"prompt {i}", i, i) for i in range(5)]
    study = create_study(tmp_path / "900", StudyConfig(), rows)
    with sealing(study.environment_file) as temporary:
        write_json(temporary, {"config": {}})
    with study.sealing(study.scores_file) as temporary:
        write_table(temporary, make_table(SCORES, early[1]), SCORES)
    (tmp_path / "notes.txt").write_text("no checkpoint")
    grown = read_growth(tmp_path, *ASKED)
    assert [row.seen for row in grown] == [900, 12000]
    for row, (values, _) in zip(grown, (early, late), strict=True):
        of = values["up.3.0", 2, "probe"]
        assert row.probe == pytest.approx(of.mean()) and row.pictures == 3
        assert row.high - row.probe == pytest.approx(1.96 * of.std(ddof=0) / np.sqrt(3))
        assert row.position == pytest.approx(values["up.3.0", 0, "position"].mean())


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnderpaintingError, match="no checkpoints in"):
        read_growth(tmp_path, *ASKED)
    (tmp_path / "5.parquet").write_bytes(b"nothing")
    with pytest.raises(UnderpaintingError, match=r"5\.parquet is no readable table of mean scores"):
        read_growth(tmp_path, *ASKED)
    pq.write_table(mean_scores(make_table(SCORES, scores(3)[1])), tmp_path / "5.parquet")
    with pytest.raises(UnderpaintingError, match=r"no spearman of depth at mid\.0 for ceiling"):
        read_growth(tmp_path, {"depth": "mid.0"}, *ASKED[1:])
