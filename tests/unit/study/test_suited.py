"""The still life's estimator and classifier are for the still life: of other models' studies that is said."""

from pathlib import Path

import pytest

from underpainting import stilllife
from underpainting.study.request.config import parse_config
from underpainting.study.request.prompts import read_prompts
from underpainting.study.request.suited import about_observers, about_words

XL = "stabilityai/stable-diffusion-xl-base-1.0"


def said(model: str, **labels: str) -> list[str]:
    return about_observers(parse_config({"model": {"name": model}, "labels": labels}, "here"))


@pytest.mark.parametrize(
    "model", ["stilllife", "stilllife:permuted", "stilllife:fresh", str(stilllife.folder() / "pipeline")]
)
def test_nothing_is_said_of_the_still_life(model: str) -> None:
    assert said(model, classifier="stilllife") == []


def test_nothing_is_said_of_what_was_chosen_for_another_model() -> None:
    assert said(XL, estimator="tracer,midas", classifier="vgg16") == said(XL, folder="labels") == []


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({}, ("estimator stilllife knows", XL, "--estimator tracer,midas", "--labels FOLDER")),
        ({"estimator": "midas, stilllife"}, ("estimator stilllife knows", "--estimator tracer,midas")),
        (
            {"folder": "labels", "classifier": "stilllife"},
            ("classifier stilllife knows", "--classifier vgg16"),
        ),
        ({"classifier": "stilllife"}, ("estimator and classifier stilllife know ", "--classifier vgg16")),
    ],
)
def test_another_models_pictures_are_not_its(labels: dict[str, str], words: tuple[str, ...]) -> None:
    (line,) = said(XL, **labels)
    assert all(word in line for word in words)


def test_a_folder_of_that_name_is_another_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stilllife:mine").mkdir()
    assert len(said("stilllife:mine")) == 1


def test_the_bundled_one_goes_before_a_folder_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stilllife").mkdir()
    assert said("stilllife") == []


def words(model: str, *prompts: str) -> list[str]:
    return about_words(parse_config({"model": {"name": model}}, "here"), prompts)


def test_words_that_the_still_life_has_not_learnt_are_said_with_the_nearest() -> None:
    learnt = [row.prompt for row in read_prompts("stilllife")]
    assert words("stilllife", *learnt, "A red mug, large, lit from the left, 2") == []
    (line,) = words("stilllife", learnt[0], "a bleu mgu on a woden floor", "a purple elephant")
    assert "bleu (blue?), mgu (mug?), woden (wooden?), elephant, and paints" in line
    (line,) = words("stilllife", "many words none of which any caption had ever once seen")
    assert " more, and paints" in line and "\n" not in line
    assert words(XL, "a bleu mgu") == []
