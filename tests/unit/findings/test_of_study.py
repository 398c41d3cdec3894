"""Findings of a study's folder: what is written, told and refused."""

from pathlib import Path

import pytest

from tests.unit.report.conftest import BEST, make_study
from underpainting.errors import UnderpaintingError
from underpainting.findings import classification_of, compare_studies, headlines_of, unlike, write_findings
from underpainting.records import EMERGENCE
from underpainting.study.study import StudyFolder


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return make_study(tmp_path_factory.mktemp("findings") / "one", steps=2, pictures=0)[0]


def test_headlines_are_of_the_best_layer_and_its_step_of_emergence(study: StudyFolder) -> None:
    rows = study.table(study.emergence_file, EMERGENCE).to_pylist()
    for line in headlines_of(study):
        (row,) = [
            row
            for row in rows
            if (row["property"], row["layer"], row["source"], row["criterion"])
            == (line.name, "best", "probe", "emergence")
        ]
        assert line.layer == BEST[line.name]
        assert line.emergence == (row["step"], row["low"], row["high"])


def test_findings_written_again_are_the_same_bytes(study: StudyFolder) -> None:
    files = study.emergence_file, study.leads_file
    before = [path.read_bytes() for path in files]
    write_findings(study)
    assert [path.read_bytes() for path in files] == before


def test_a_study_without_class_probes_has_classes_all_the_same(study: StudyFolder) -> None:
    seen, layer, accuracies = classification_of(study)
    assert {look.picture for look in seen} == {"noisy", "clean", "final"}
    assert (layer, accuracies) == ("", [])


def test_studies_are_compared_at_their_best_layers(study: StudyFolder, tmp_path: Path) -> None:
    other, _ = make_study(tmp_path / "other", prompts=4, steps=2, pictures=0)
    rows = compare_studies([study.folder, other.folder])
    assert {(row.study, row.layer) for row in rows if row.property == "depth"} == {
        (str(folder), BEST["depth"]) for folder in (study.folder, other.folder)
    }
    assert {row.shared for row in rows} == {0, 4}
    with pytest.raises(UnderpaintingError, match="two studies or more"):
        compare_studies([study.folder, study.folder])
    longer, _ = make_study(tmp_path / "longer", steps=3, pictures=0)
    assert unlike([study.folder, other.folder]) == []
    (line,) = unlike([study.folder, other.folder, longer.folder])
    assert "longer differs from" in line and line.endswith("[model] steps: 2 -> 3")
    other.scores_file.unlink()
    with pytest.raises(UnderpaintingError, match=r"other is not finished \(scores\.parquet"):
        compare_studies([study.folder, other.folder])
