"""`underpainting doctor`: of a study, and of all that is known."""

import json
from pathlib import Path

import pytest

from tests.hub import cached, move_caches
from underpainting.cli import main
from underpainting.observers.needs import known_needs, needs
from underpainting.study.request.config import LabelsConfig, ModelConfig, StudyConfig
from underpainting.study.request.prompts import PromptRow
from underpainting.study.study import create_study


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    move_caches(tmp_path, monkeypatch)
    return tmp_path


def keep(caches: Path, repository: str) -> Path:
    """A repository with weights in the hub's cache."""
    snapshot = cached(caches / "hub", repository)
    (snapshot / "model.safetensors").write_bytes(b"weights")
    return snapshot


def test_it_tells_of_a_study(caches: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = LabelsConfig(estimator="stilllife", classifier="vgg16")
    config = StudyConfig(model=ModelConfig(name="CompVis/stable-diffusion-v1-4"), labels=labels)
    create_study(caches / "study", config, [PromptRow(f"a thing {i}", i, i) for i in range(6)])
    with pytest.raises(SystemExit) as stopped:
        main(["doctor", str(caches / "study"), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert stopped.value.code == 1 and [needed["here"] for needed in told] == [False, True, False]
    keep(caches, "CompVis/stable-diffusion-v1-4")
    with pytest.raises(SystemExit) as stopped:
        main(["doctor", str(caches / "study")])
    said = capsys.readouterr().out
    assert (
        stopped.value.code == 1 and "vgg16 is not here" in said and "(528 MB, BSD-3-Clause) by `curl" in said
    )
    assert "stable-diffusion-v1-4 is not here" not in said
    path = Path(needs("classifier", "vgg16")[0].where)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    with pytest.raises(SystemExit) as stopped:
        main(["doctor", str(caches / "study")])
    assert stopped.value.code == 0


@pytest.mark.usefixtures("caches")
def test_it_tells_of_all_that_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    """Short enough for a screen; nothing is asked for, so nothing is missing."""
    with pytest.raises(SystemExit) as stopped:
        main(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert stopped.value.code == 0
    assert [needed["name"] for needed in told] == [needed.name for needed in known_needs()]
    with pytest.raises(SystemExit) as stopped:
        main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    assert stopped.value.code == 0 and max(map(len, lines)) <= 100
    assert [line.split()[1] for line in lines[1:-1]] == [needed["name"] for needed in told]
    assert "underpainting doctor STUDY" in lines[-1]


@pytest.mark.usefixtures("caches")
def test_labels_of_another_kind_of_pictures_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By `init`, which makes the study, and by `doctor`; JSON stays JSON."""
    (tmp_path / "p.txt").write_text("\n".join(f"a thing {i}" for i in range(9)))
    model, prompts = "stabilityai/stable-diffusion-xl-base-1.0", str(tmp_path / "p.txt")
    for command in (
        ("init", str(tmp_path / "study"), "--model", model, "--prompts", prompts),
        ("doctor", str(tmp_path / "study"), "--json"),
    ):
        with pytest.raises(SystemExit):
            main(command)
        shown = capsys.readouterr()
        assert shown.err.count("caution: estimator stilllife knows the still life's pictures alone") == 1
    assert [needed["part"] for needed in json.loads(shown.out)] == ["model", "estimator"]
