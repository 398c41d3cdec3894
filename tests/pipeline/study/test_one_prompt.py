"""Studies of prompts that the model cannot tell apart: said where they are made, refused where they leak."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.study.conftest import LightEstimator, tiny_config
from underpainting.cli import main
from underpainting.errors import UnderpaintingError
from underpainting.study.request.prompts import PromptRow
from underpainting.study.run import run_study
from underpainting.study.study import StudyFolder, create_study, open_study


def init(folder: Path, text: str, *options: str) -> int:
    """`init` of a file of prompts beside the study."""
    (folder / "p.csv").write_text(text)
    with pytest.raises(SystemExit) as left:
        main(["init", str(folder / "study"), "--prompts", str(folder / "p.csv"), *options])
    assert isinstance(left.value.code, int)
    return left.value.code


LONG = "a red mug on a wooden floor in front of a grey wall, " + "soft light, " * 20


def test_long_prompts_of_one_seed_are_one_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f'"{LONG}{word}",3\n' for word in ["apple", "pear", "plum", "fig", "lime", "date"])
    assert init(tmp_path, f"prompt,seed\n{rows}") == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert (
        "1 pictures of 1 prompts are too few" in line and "6 of 6 prompts are cut: the model reads 24" in line
    )
    assert "left out, as the model would make them again: 5 pictures" in line
    assert not (tmp_path / "study").exists()


def test_spellings_are_one_prompt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "prompt,seed\na red mug,1\nA  Red mug,1\nA RED MUG,9\na blue car,2\na green cone,3\na lamp,4\n"
    assert init(tmp_path, text) == 0
    said = capsys.readouterr().err
    assert "1 pictures" in said and "line 2 and" in said and "line 3: 'a red mug' and 'A Red mug'" in said
    study = open_study(tmp_path / "study")
    mugs = {split for row, split in zip(study.rows, study.splits, strict=True) if "mug" in row.prompt.lower()}
    assert len(study.rows) == 5 and len(mugs) == 1
    (tmp_path / "test.csv").write_text("prompt,seed\na lemon,1\nA Lamp,8\n")
    folder = tmp_path / "other"
    folder.mkdir()
    assert init(folder, text, "--test-prompts", str(tmp_path / "test.csv")) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert (
        f"{folder}/p.csv line 7 and {tmp_path}/test.csv line 3: 'a lamp' and 'A Lamp' are one prompt" in line
    )


def test_a_study_that_leaks_does_not_run(
    tmp_path: Path, pipeline_folder: Path, new_study: Callable[[str], StudyFolder]
) -> None:
    rows = [PromptRow("a thing" if i % 2 else f"{' ' * i}A thing", i, i) for i in range(8)]
    study = create_study(tmp_path / "leaking", tiny_config(pipeline_folder), rows)
    with pytest.raises(UnderpaintingError, match="are one prompt to the model, and they are in two splits"):
        run_study(study, estimator=LightEstimator())
    assert sorted(path.name for path in study.folder.iterdir()) == [
        "prompts.parquet",
        "prompts.parquet.sha256",
        "study.toml",
    ]
