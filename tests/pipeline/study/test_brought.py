"""A study of labels that the user brings: scored as an estimator that gives the same, and no look of it."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.pipeline.study.conftest import Notes, tiny_config, tiny_rows
from underpainting.diffusion import load
from underpainting.errors import UnderpaintingError
from underpainting.study.environment import load_study
from underpainting.study.request.brought import keep_brought
from underpainting.study.request.config import StudyConfig
from underpainting.study.run import run_study
from underpainting.study.study import StudyFolder, create_study


@pytest.fixture
def config(finished: StudyFolder, pipeline_folder: Path, tmp_path: Path) -> StudyConfig:
    """The tiny study's, its labels those of the finished one as a folder of arrays."""
    labels = {name: finished.labels(name) for name in ("depth", "shading")}
    labels["saliency"] = {image: mask.bool() for image, mask in finished.labels("saliency").items()}
    keep_brought(tmp_path / "labels", labels)
    config = tiny_config(pipeline_folder)
    own = {"folder": str(tmp_path / "labels"), "properties": ("saliency", "depth", "shading")}
    return config.model_copy(update={"labels": config.labels.model_copy(update=own)})


def test_brought_labels_score_as_an_estimators_do(
    finished: StudyFolder, config: StudyConfig, tmp_path: Path
) -> None:
    study = create_study(tmp_path / "study", config, tiny_rows())
    run_study(study)
    rows, others = (pq.read_table(of.scores_file).to_pylist() for of in (study, finished))
    assert "estimator:noisy" in {row["source"] for row in others}
    expected = [row for row in others if not row["source"].startswith("estimator:")]
    assert repr(rows) == repr(expected)

    again, changed, gone = Notes(), Notes(), Notes()
    run_study(study, progress=again)
    path = tmp_path / "labels" / "depth" / f"{study.rows[0].image}.npy"
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0")
    run_study(study, progress=changed)
    labels = path.parents[1].rename(tmp_path / "elsewhere")
    run_study(study, progress=gone)
    labels.rename(tmp_path / "labels")
    assert (
        again.lines == gone.lines == [] and "are not those that the study was made with" in changed.lines[0]
    )
    study.scores_file.unlink()
    with pytest.raises(UnderpaintingError, match="is not the one that"):
        run_study(study)


def test_labels_that_were_brought_are_of_the_studys_pictures_alone(
    config: StudyConfig, pipeline_folder: Path
) -> None:
    loaded = load_study(config, load(pipeline_folder, device="cpu"))
    with pytest.raises(UnderpaintingError, match="no estimator can label other pictures"):
        _ = loaded.estimator
