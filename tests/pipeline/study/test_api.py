"""A study from Python: what the command line does, and what lies in its files, value for value."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from diffusers import StableDiffusionPipeline

import underpainting
from tests.pipeline.study.conftest import LightEstimator, tiny_rows
from underpainting import Study
from underpainting.errors import UnderpaintingError
from underpainting.study.study import StudyFolder

SETTINGS = {
    "steps": 3,
    "fit": 0.5,
    "calibrate": 0.2,
    "test": 0.3,
    "layers": ["down.0.0", "mid.0", "up.1.2", "up.3.0"],
    "branches": ("conditional", "unconditional"),
    "strengths": [1e-3, 1e-1],
    "batch_size": 2,
    "shard_size": 4,
    "device": "cpu",
    "gallery": 2,
}
PAIRS = [(row.prompt, row.seed) for row in tiny_rows()]


@pytest.fixture(scope="module")
def study(
    session_pipeline: StableDiffusionPipeline, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Study]:
    """The tiny study of the other tests, made from Python: a pipeline, pairs, an estimator and settings."""
    folder = tmp_path_factory.mktemp("api") / "study"
    made = Study.create(folder, prompts=PAIRS, model=session_pipeline, estimator=LightEstimator(), **SETTINGS)
    assert "shards made" in made._repr_html_()
    yield made.run(progress=False)


def test_its_tables_are_those_of_the_same_study_by_the_command_line(
    study: Study, finished: StudyFolder
) -> None:
    expected = pd.read_parquet(finished.scores_file)
    pd.testing.assert_frame_equal(study.scores(), expected)
    pd.testing.assert_frame_equal(study.scores("calibrate"), pd.read_parquet(finished.calibrate_file))
    pd.testing.assert_frame_equal(study.emergence(), pd.read_parquet(study.emergence_file))
    pd.testing.assert_frame_equal(study.leads(), pd.read_parquet(study.leads_file))
    assert list(study.pictures()["seed"]) == [seed for _, seed in PAIRS]
    for name, labels in finished.labels("depth").items():
        assert torch.equal(study.labels("depth")[name], labels)

    results = study.results().set_index(["property", "metric"])
    for (name, metric), row in results.iterrows():
        here = expected[(expected.property == name) & (expected.metric == metric)]
        here = here[(here.layer == row.layer) & (here.step == 3) & (here.source == "probe")]
        here = here[here.branch == "conditional"]
        assert row.probe == pytest.approx(here["value"].mean())
        assert row.images == len(here)


def test_it_shows_itself_and_opens_again(study: Study) -> None:
    shown = study._repr_html_()
    assert all(name in shown for name in ("saliency", "depth", "shading", "14 pictures"))
    assert repr(study) == f"<Study {study.folder}: 14 pictures, done>"
    assert study.report == study.report_file
    assert study.report.read_text(encoding="utf-8").startswith("<!doctype html>")
    again = Study.open(study.folder)
    pd.testing.assert_frame_equal(again.results(), study.results())
    assert again.probes.best == study.probes.best


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"step": 3}, "step"),
        ({"steps": 0}, "steps"),
        ({"layers": ["up.9.9"]}, "up.9.9"),
        ({"prompts": []}, "prompt"),
        ({"prompts": [("a thing", "x")]}, "seed"),
        ({"labels": {"depth": [np.zeros((4, 4))]}}, "depth"),
    ],
)
def test_mistakes_are_said_in_one_line_and_leave_nothing(
    given: dict[str, object],
    complaint: str,
    session_pipeline: StableDiffusionPipeline,
    tmp_path: Path,
) -> None:
    whole = {"prompts": PAIRS, "model": session_pipeline, "estimator": LightEstimator(), **given}
    if "labels" in given:
        del whole["estimator"]
    with pytest.raises(UnderpaintingError, match=complaint) as raised:
        Study.create(tmp_path / "study", **whole)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "study").exists()


def test_names_within_a_dozen() -> None:
    assert len(underpainting.__all__) <= 12
    assert all(hasattr(underpainting, name) for name in underpainting.__all__)
