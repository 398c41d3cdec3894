from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.report.conftest import Columns
from underpainting.findings.cubes import Scores, read_scores
from underpainting.findings.intervals import Mean
from underpainting.records import SCORES, make_table, write_table
from underpainting.report.contents import Contents
from underpainting.report.tables import (
    interval,
    layer_table,
    listing,
    number,
    score_table,
    step_table,
    topics,
)
from underpainting.study.study import StudyFolder


def values(columns: Columns, **wanted: Any) -> dict[str, float]:
    """Value by image of the rows that match, straight from the columns."""
    keep = np.ones(len(columns["value"]), dtype=bool)
    for name, value in wanted.items():
        keep &= np.array([entry == value for entry in columns[name]])
    return {columns["image"][i]: columns["value"][i] for i in np.flatnonzero(keep)}


def test_score_table_holds_means_at_the_best_layer_and_last_step(
    made_study: tuple[StudyFolder, Columns], contents: Contents
) -> None:
    columns = made_study[1]
    rows = {(r.name, r.metric, r.source): r for r in score_table(contents)}
    probe = values(columns, property="depth", layer="up.3.1", step=4, source="probe", metric="spearman")
    position = values(columns, property="depth", layer="up.3.1", step=0, source="position", metric="spearman")
    found = rows["depth", "spearman", "probe"]
    assert (found.layer, found.step) == ("up.3.1", 4)
    assert found.estimate.mean == pytest.approx(np.mean(list(probe.values())))
    assert found.estimate.pictures == 12
    assert rows["depth", "spearman", "position"].estimate.mean == pytest.approx(
        np.mean(list(position.values()))
    )
    gain = [probe[image] - position[image] for image in probe]
    assert rows["depth", "spearman", "gain"].estimate.mean == pytest.approx(np.mean(gain))
    assert rows["depth", "spearman_centred", "position"].estimate.pictures == 0
    assert ("saliency", "spearman", "probe") not in rows


def test_step_table_runs_over_every_step(made_study: tuple[StudyFolder, Columns], contents: Contents) -> None:
    columns = made_study[1]
    rows = {(r.name, r.source, r.step): r.estimate.mean for r in step_table(contents)}
    assert len(rows) == 3 * 5 * 4  # no probes of the clean latents were scored
    for step in (1, 3):
        wanted = values(
            columns, property="saliency", layer="up.3.0", step=step, source="shuffled", metric="dice"
        )
        assert rows["saliency", "shuffled", step] == pytest.approx(np.mean(list(wanted.values())))
    assert rows["shading", "ceiling", 1] == rows["shading", "ceiling", 4]


def test_layer_table_is_in_network_order(made_study: tuple[StudyFolder, Columns], contents: Contents) -> None:
    columns = made_study[1]
    table = next(t for t in layer_table(contents) if t.name == "saliency")
    assert table.layers[0] == "down.0.0"
    assert table.layers[6] == "mid.0"
    wanted = values(columns, property="saliency", layer="mid.0", step=2, source="probe", metric="dice")
    assert table.means[6][1] == pytest.approx(np.mean(list(wanted.values())))
    assert listing(table.layers) == "6 down, 1 mid, 9 up"


def read(path: Path, contents: Contents, *branches: str) -> Scores:
    """The scores in a file, over the layers and steps of a study."""
    return read_scores(path, contents.scores.layers, contents.scores.steps, branches)


def test_other_branches_are_not_mixed_in(
    made_study: tuple[StudyFolder, Columns], contents: Contents, tmp_path: Path
) -> None:
    columns = made_study[1]
    both = {name: [*column, *column] for name, column in columns.items()}
    count = len(columns["value"])
    both["branch"][count:] = ["unconditional" if branch else "" for branch in columns["branch"]]
    both["value"][count:] = [
        9.0 if branch else value for branch, value in zip(columns["branch"], columns["value"], strict=True)
    ]
    write_table(tmp_path / "scores.parquet", make_table(SCORES, both), SCORES)
    alone, mixed = contents.scores, read(tmp_path / "scores.parquet", contents, "conditional")
    assert alone.cubes.keys() == mixed.cubes.keys()
    at = ("shading", "pearson", "probe", "up.1.0", 2)
    order = [mixed.images.index(image) for image in alone.images]
    np.testing.assert_array_equal(mixed.at(*at)[order], alone.at(*at))
    other = read(tmp_path / "scores.parquet", contents, "unconditional")
    assert (other.at(*at) == 9.0).all()


def test_the_unconditional_branch_stands_beside(
    made_study: tuple[StudyFolder, Columns], contents: Contents, tmp_path: Path
) -> None:
    columns = made_study[1]
    at = [i for i, branch in enumerate(columns["branch"]) if branch == "conditional"][::-1]
    both = {name: [*column, *(column[i] for i in at)] for name, column in columns.items()}
    count = len(columns["value"])
    both["branch"][count:] = ["unconditional"] * len(at)
    both["value"][count:] = [columns["value"][i] + 1 for i in at]
    write_table(tmp_path / "scores.parquet", make_table(SCORES, both), SCORES)
    found = read(tmp_path / "scores.parquet", contents, "conditional", "unconditional")
    for name, metric, source in list(found.cubes):
        if source == "probe":
            beside = found.cubes[name, metric, "unconditional"]
            np.testing.assert_allclose(beside, found.cubes[name, metric, "probe"] + 1)
    assert "unconditional" not in {source for *_, source in contents.scores.cubes}


def test_properties_come_in_one_order(contents: Contents) -> None:
    assert [topic.name for topic in topics(contents)] == ["saliency", "depth", "shading"]


def test_numbers_are_written_for_reading() -> None:
    assert number(-0.126) == "\u22120.13"
    assert number(-0.001) == "0.00"
    assert number(float("nan")) == "\u2014"
    assert interval(Mean(0.5, 0.1, -0.25, 0.75, 4)) == "\u22120.25 to 0.75"
    assert interval(Mean(0.5, np.nan, np.nan, np.nan, 1)) == ""
