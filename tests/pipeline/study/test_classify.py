"""Classifying from the command line: folders of steps, photographs, a prompt, a study."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.pipeline.study.conftest import LightEstimator, tiny_config
from underpainting.cli import main
from underpainting.diffusion import load
from underpainting.errors import UnderpaintingError
from underpainting.questions.classify import classify, read_shown
from underpainting.records import CLASSIFICATION, read_table
from underpainting.study.request.prompts import PromptRow
from underpainting.study.run import run_study
from underpainting.study.study import StudyFolder, create_study
from underpainting.study.trust import trust

REDS = """
class Reds:
    name, fingerprint, classes = "reds", "1", ("lemon", "mug, cup")

    def __call__(self, pictures):
        red = pictures[:, 0].mean((1, 2))
        import torch
        return torch.stack([1 - red, red], dim=1)
"""


@pytest.fixture(autouse=True)
def reds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A classifier that says how red a picture is: half red is half a mug."""
    (tmp_path / "classifier_of_reds.py").write_text(REDS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    trust(["classifier_of_reds:Reds"])
    return "classifier_of_reds:Reds"


def paint(path: Path, red: int, side: int = 16) -> Path:
    path.parent.mkdir(exist_ok=True)
    picture = np.zeros((side, side, 3), np.uint8)
    picture[..., 0] = red
    Image.fromarray(picture).save(path)
    return path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["classify", *arguments])
    return int(str(left.value.code))


@pytest.mark.parametrize("first", [0, 1])
def test_a_folder_of_steps(first: int, tmp_path: Path, reds: str, capsys: pytest.CaptureFixture[str]) -> None:
    levels = [0, 100, 200, 150, 240, 250, 255, 20, 200, 255, 250, 252]
    for i, red in enumerate(levels):
        paint(tmp_path / "steps" / f"prompt_3_seed_8_step_{i + first}.png", red)
    options = ("--classifier", reds, "--class", "cup", "--out", "found", "--json")
    assert run("steps", *options) == 0
    found = json.loads(capsys.readouterr().out)
    (row,) = found["recognised"]
    assert (row["image"], row["picture"], row["right"]) == ("prompt_3_seed_8", "noisy", "mug, cup")
    assert (row["first"], row["sure"]) == (9, 10)  # steps count from 1, and 10 comes after 9
    table = read_table(tmp_path / "found" / "classification.parquet", CLASSIFICATION).to_pylist()
    mugs = {of["step"]: of["probability"] for of in table if of["class"] == "mug, cup"}
    assert list(mugs.values()) == pytest.approx([red / 255 for red in levels])
    with Image.open(tmp_path / "found" / "prompt_3_seed_8-noisy.png") as figure:
        assert figure.width > 1000
    assert b"mug" in (tmp_path / "found" / "prompt_3_seed_8-noisy.svg").read_bytes()


def test_folders_that_cannot_be_steps(tmp_path: Path) -> None:
    for step in (0, 1, 3):
        paint(tmp_path / "gap" / f"a_step_{step}.png", 9)
    with pytest.raises(UnderpaintingError, match="a has no step 2"):
        read_shown([tmp_path / "gap"])
    paint(tmp_path / "late" / "a_step_2.png", 9)
    with pytest.raises(UnderpaintingError, match="begin at 2; they count from 0 or 1"):
        read_shown([tmp_path / "late"])
    paint(tmp_path / "sizes" / "a_step_0.png", 9), paint(tmp_path / "sizes" / "a_step_1.png", 9, side=8)
    with pytest.raises(UnderpaintingError, match="differ in size"):
        read_shown([tmp_path / "sizes"])
    (tmp_path / "none").mkdir()
    with pytest.raises(UnderpaintingError, match="holds no pictures"):
        read_shown([tmp_path / "none"])


def test_a_made_picture_beside_photographs(
    tmp_path: Path, reds: str, pipeline_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photographs = [str(paint(tmp_path / f"{red}.png", red)) for red in (250, 30)]
    options = ["--prompt", "a cup", "--seed", "4", "--model", str(pipeline_folder), "--steps", "3"]
    assert run(*photographs, *options, "--classifier", reds, "--class", "mug") == 0
    assert "0.98" in capsys.readouterr().out
    table = read_table(tmp_path / "classification" / "classification.parquet", CLASSIFICATION).to_pylist()
    mugs = {
        (row["picture"], row["step"], row["image"]): row["probability"]
        for row in table
        if row["class"] == "mug, cup"
    }
    assert mugs["photograph", 0, "250.png"] == pytest.approx(250 / 255)
    model = load(pipeline_folder, device="cpu")
    seen: list[torch.Tensor] = []
    made = model.denoise(["a cup"], [4], steps=3, on_step=lambda record: seen.append(record.latents.clone()))
    latents = {("final", 0): made.latents, **{("noisy", i + 1): x for i, x in enumerate(seen)}}
    for place, of in latents.items():
        red = float((model.decode(of) * 255).round()[0, 0].mean()) / 255
        assert mugs[(*place, "prompt_0_seed_4")] == pytest.approx(red, abs=1e-4)


def named_study(folder: Path, classifier: str, pipeline_folder: Path, things: list[str]) -> StudyFolder:
    """A study with a classifier, of a picture a thing."""
    config = tiny_config(pipeline_folder)
    named = config.labels.model_copy(update={"classifier": classifier})
    rows = [PromptRow(f"a {thing} number {i % 10}", 100 + i, i % 10) for i, thing in enumerate(things)]
    return create_study(folder / "named", config.model_copy(update={"labels": named}), rows)


def test_a_studys_own_classifier_and_another(
    tmp_path: Path, reds: str, pipeline_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    things = ["lemon" if i % 3 else "cup" for i in range(14)]
    study = named_study(tmp_path, reds, pipeline_folder, things)
    rows = study.rows
    run_study(study, estimator=LightEstimator())
    assert run("named", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    finals = read_table(study.classification_file, CLASSIFICATION).to_pylist()
    right = {row.image: "mug, cup" if "cup" in row.prompt else "lemon" for row in rows}
    share = np.mean(
        [
            row["class"] == right[row["image"]]
            for row in finals
            if (row["picture"], row["rank"]) == ("final", 1)
        ]
    )
    accuracy = {(row["picture"], row["step"]): row["accuracy"] for row in found["accuracy"]}
    assert accuracy["final", 0] == pytest.approx(share)
    assert {step for picture, step in accuracy if picture == "probe"} == {1, 2, 3}
    assert found["class_probe"] in ("down.0.0", "mid.0", "up.1.2", "up.3.0")
    assert run("named") == 0
    assert "class probe at" in capsys.readouterr().out

    # With a classifier named, the pictures that lie on disk are classified: the same ones, the same answers.
    answer = classify([study.folder], classifier=reds)
    seen, again = answer.seen, answer.table.to_pylist()
    whole = {(row["image"], row["picture"], row["step"], row["class"]): row["probability"] for row in finals}
    assert all(
        whole[row["image"], row["picture"], row["step"], row["class"]] == pytest.approx(row["probability"])
        for row in again
    )
    gallery = load_file(study.gallery_folder / "gallery.safetensors")
    assert sum(of.picture == "clean" for of in seen) == sum(name.endswith("/clean") for name in gallery)


def test_photographs_beside_a_study_are_told_alone(
    tmp_path: Path, reds: str, pipeline_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the study's own classifier, each with its first classes, however many they are."""
    study = named_study(tmp_path, reds, pipeline_folder, ["cup"] * 14)
    photographs = [str(paint(tmp_path / f"{red}.png", red)) for red in (250, 30, 60, 90, 120)]
    assert run(str(study.folder), photographs[0]) == 0
    assert capsys.readouterr().out.split()[:10] == [
        *("250.png:", "photograph", "step", "first", "second", "third", "fourth", "fifth", "-", "mug")
    ]
    assert run(str(study.folder), *photographs) == 0
    lines = [line.split()[:5] for line in capsys.readouterr().out.splitlines()]
    assert lines[1:3] == [
        ["250.png", "mug", "0.98", "lemon", "0.02"],
        ["30.png", "lemon", "0.88", "mug", "0.12"],
    ]
    seen = read_table(tmp_path / "classification" / "classification.parquet", CLASSIFICATION)
    assert set(seen["image"].to_pylist()) == {Path(name).name for name in photographs}


def test_what_is_wrong_is_said(
    tmp_path: Path, reds: str, finished: object, capsys: pytest.CaptureFixture[str]
) -> None:
    photograph = str(paint(tmp_path / "one.png", 9))
    for arguments, line in (
        ((), "nothing to classify: give pictures, a folder of them, a study, or --prompt"),
        ((photograph, "--classifier", reds, "--class", "cupp"), "no class 'cupp'; nearest are cup"),
        ((photograph, "--classifier", "vgg17"), "no classifier 'vgg17'"),
        ((str(tmp_path / "two.png"), "--classifier", reds), "two.png cannot be read"),
        ((str(finished.folder),), "was made without a classifier; name one by --classifier"),
    ):
        assert run(*arguments) == 2
        written = capsys.readouterr().err.strip().splitlines()
        assert len(written) == 1 and line in written[0]


def test_photographs_without_a_prompt(tmp_path: Path, reds: str, capsys: pytest.CaptureFixture[str]) -> None:
    same = [paint(tmp_path / folder / "one.png", red) for folder, red in (("a", 250), ("b", 30))]
    assert run(*map(str, same), "--classifier", reds, "--out", "found") == 0
    said = capsys.readouterr().out
    assert "prompt" not in said and "no match" not in said and "0.98" in said
    drawn = {path.name for path in (tmp_path / "found").iterdir() if path.suffix in (".png", ".svg")}
    names = ("one.png-photograph", "one.png (2)-photograph")
    assert drawn == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    svg = (tmp_path / "found" / "one.png-photograph.svg").read_text()
    assert "mug" in svg and "0.98" in svg
    steps = [paint(tmp_path / "steps" / f"x_step_{step}.png", 90 * step) for step in range(3)]
    assert run(str(steps[0].parent), "--classifier", reds) == 0
    assert "--class" in capsys.readouterr().out  # what is recognised was not said


def test_a_picture_is_read_before_a_classifier_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "words.png").write_text("no picture")
    with pytest.raises(UnderpaintingError, match=r"words\.png cannot be read as a picture"):
        classify([tmp_path / "words.png"], classifier="none")
