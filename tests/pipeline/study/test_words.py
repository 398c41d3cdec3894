"""A study with the attention to the object's word beside its probes, against word maps made by hand."""

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.metrics import average_precision_score

from tests.pipeline.study.conftest import LightEstimator, tiny_config
from underpainting.diffusion import Model
from underpainting.errors import UnderpaintingError
from underpainting.findings import write_findings
from underpainting.questions.look import look_at
from underpainting.report import write_report
from underpainting.report.answers import look_png
from underpainting.study.environment import reload
from underpainting.study.request.config import parse_config
from underpainting.study.request.prompts import PromptRow
from underpainting.study.run import run_study
from underpainting.study.study import StudyFolder, create_study

THINGS = ("mug", "red cone")


def rows() -> list[PromptRow]:
    """Twelve pictures of six prompts, one of two words for its object."""
    return [PromptRow(f"{'wide ' * (i % 3)}{THINGS[i % 2]}", 40 + i, i % 6) for i in range(12)]


def study_of(folder: Path, pipeline: Path, given: list[PromptRow], **controls: Any) -> StudyFolder:
    """A tiny study with the control."""
    settings = tiny_config(pipeline).model_dump(exclude_none=True)
    settings["watch"] = {"layers": ("up.3.0",), "branches": ("conditional",)}
    settings["controls"] = {"use": ("words",), "share": 0, "objects": ("mug", "cone", "red cone"), **controls}
    return create_study(folder, parse_config(settings, "settings"), given)


@pytest.fixture(scope="module")
def study(pipeline_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """It, run from end to end."""
    made = study_of(tmp_path_factory.mktemp("words") / "study", pipeline_folder, rows())
    run_study(made, estimator=LightEstimator())
    return made


def test_word_maps_are_scored_beside_the_probe_and_shown(study: StudyFolder, model: Model) -> None:
    test = [row for row, split in zip(study.rows, study.splits, strict=True) if split == "test"]
    words = [["red cone" if "cone" in row.prompt else "mug"] for row in test]
    mapped = model.word_maps([row.prompt for row in test], [row.seed for row in test], words, steps=3)
    table = [row for row in pq.read_table(study.scores_file).to_pylist() if row["source"] == "words"]
    assert {(row["property"], row["layer"], row["branch"]) for row in table} == {("saliency", "", "")}
    scores = {(row["image"], row["step"], row["metric"]): row["value"] for row in table}
    assert len(scores) == 2 * 3 * len(test)
    labels = study.labels("saliency")
    for i, row in enumerate(test):
        for step in (1, 2, 3):
            own = np.kron(mapped.by_step[step - 1, i, 0].double().numpy(), np.ones((2, 2)))
            expected = average_precision_score(labels[row.image].numpy().ravel(), own.ravel())
            assert scores[row.image, step, "average_precision"] == pytest.approx(expected, abs=1e-3)

    films = load_file(study.gallery_folder / "gallery.safetensors")
    assert study.gallery is not None
    at = [row.image for row in test].index(study.gallery.images[0])
    torch.testing.assert_close(films["0/words"], mapped.by_step[:, at, 0], rtol=1e-3, atol=1e-5)


def test_they_stand_in_emergence_leads_and_the_report(study: StudyFolder) -> None:
    write_findings(study)
    html = write_report(study).read_text(encoding="utf-8")
    emergence = pq.read_table(study.emergence_file).to_pylist()
    own = {(row["property"], row["layer"], row["criterion"]) for row in emergence if row["source"] == "words"}
    assert own == {("saliency", "best", criterion) for criterion in ("emergence", "bar", "overtakes")}
    leads = [row for row in pq.read_table(study.leads_file).to_pylist() if row["source"] == "words"]
    assert [row["property"] for row in leads] == ["saliency"]
    assert "attention to the object&#39;s word" in html or "attention to the object's word" in html
    data = re.search(r'id="gallery-data">(.*?)</script>', html, re.DOTALL)
    assert data and study.gallery
    shown = json.loads(data[1])[0]["maps"][0]["words"]
    attended = study.gallery.arrays["0/words"]
    for address, values in zip(shown, attended, strict=True):
        seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))))
        assert (np.corrcoef(seen.ravel(), values.ravel())[0, 1]) > 0.99


def test_look_maps_words_of_the_prompt(study: StudyFolder) -> None:
    loaded = reload(replace(study, estimator=LightEstimator()))
    picture = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    looked = look_at(study, loaded, picture, prompt="a wide mug", words=["mug", "wide"])
    plain = look_at(study, loaded, picture, prompt="a wide mug")
    assert looked.scores == plain.scores and plain.words == {}
    assert {word: of.shape for word, of in looked.words.items()} == {"mug": (3, 16, 16), "wide": (3, 16, 16)}
    sizes = [Image.open(io.BytesIO(look_png(of))).size for of in (looked, plain)]
    assert sizes[0][0] == sizes[1][0] and sizes[0][1] > sizes[1][1]  # two rows more
    with pytest.raises(UnderpaintingError, match="word 'cone' is not in the prompt 'a wide mug'"):
        look_at(study, loaded, picture, prompt="a wide mug", words=["cone"])


@pytest.mark.parametrize(
    ("prompt", "controls", "line"),
    [
        ("a lemon", {}, r"the prompt 'a lemon' names none of mug, cone, red cone; name its object too"),
        ("a mug", {"objects": ()}, "control words needs to know what objects of prompts are called"),
        (f"{'wide ' * 20}mug", {}, "word 'mug' is not among the 77 tokens that are read"),
    ],
)
def test_what_has_no_word_is_refused_before_anything_is_made(
    prompt: str, controls: dict[str, Any], line: str, pipeline_folder: Path, tmp_path: Path
) -> None:
    made = study_of(tmp_path / "study", pipeline_folder, [*rows(), PromptRow(prompt, 7, 9)], **controls)
    with pytest.raises(UnderpaintingError, match=line):
        run_study(made, estimator=LightEstimator())
    assert made.pictures_made == 0 and not made.environment_file.exists()
