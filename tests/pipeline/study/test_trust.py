"""A study that came from elsewhere runs nothing that its study.toml names, until a person has said yes."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.resealing import reseal
from tests.unit.report.conftest import make_study
from underpainting import Study, workflow
from underpainting.cli import main
from underpainting.errors import UnderpaintingError
from underpainting.records import sealing, write_bytes, write_json
from underpainting.study.request.config import StudyConfig, config_toml, parse_config
from underpainting.study.study import create_study, open_study
from underpainting.study.trust import own_classes, require_trust, trust

CLASS = """
from pathlib import Path

Path("ran").write_text("the code ran")


class Light:
    properties = ("shading",)
    name, fingerprint, classes = "light", "1", ("dark", "light")

    def __call__(self, pictures):
        return {"shading": pictures.mean(1)}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a module, and a person who has not said yes to anything."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asks"))
    (tmp_path / "light_of_mine.py").write_text(CLASS)
    Image.new("RGB", (16, 16)).save(tmp_path / "photo.png")
    package = tmp_path / "lights"
    package.mkdir()
    (package / "__init__.py").write_text(CLASS)
    (package / "inner.py").write_text(CLASS)
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that is done, as it could come from anywhere."""
    study, _ = make_study(tmp_path_factory.mktemp("elsewhere") / "study", prompts=4, seeds=1, pictures=1)
    return study.folder


def naming(whole: Path, folder: Path, **labels: Any) -> Path:
    """The same study, as if it had been made with other labels."""
    shutil.copytree(whole, folder)
    config = open_study(folder).config.model_dump(mode="json", exclude_none=True)
    config["labels"] |= labels
    write_bytes(folder / "study.toml", config_toml(parse_config(config, "the test")).encode())
    recorded = json.loads((folder / "environment.json").read_text())
    with sealing(folder / "environment.json") as temporary:
        write_json(temporary, {**recorded, "config": config})
    reseal(folder)
    return folder


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


COMMANDS = [
    ("estimate",),
    ("doctor",),
    ("look", "photo.png"),
    ("transfer", "--empty-prompt"),
    ("intervene", "--prompt", "a mug", "--move", "0.1,0"),
    ("experiment", "--pictures", "2"),
    ("nonlinear",),
    ("erase",),
    ("run",),
]
NAMED = [
    {"estimator": "light_of_mine:Light"},
    {"estimator": "stilllife,lights.inner:Light"},
    {"classifier": "lights:Light"},
    {"estimator": "http.server:test"},
    {"estimator": "__main__:main"},
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_runs_what_a_study_from_elsewhere_names(
    command: tuple[str, ...], whole: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = naming(whole, here / "pulled", **NAMED[0])
    if command[0] == "run":
        (study / "scores.parquet").unlink()
        (study / "scores.parquet.sha256").unlink()
    assert call(command[0], str(study), *command[1:]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"the code of {here}/light_of_mine.py, and nobody has said yes" in said
    assert said.endswith("`underpainting trust light_of_mine:Light` (underpainting explain trust)")
    assert not (here / "ran").exists() and "light_of_mine" not in sys.modules


@pytest.mark.parametrize("labels", NAMED, ids=str)
def test_whatever_it_names(labels: dict[str, str], whole: Path, here: Path) -> None:
    study = open_study(naming(whole, here / "pulled", **labels))
    before = set(sys.modules)
    with pytest.raises(UnderpaintingError, match="underpainting trust"):
        require_trust(study)
    assert not (here / "ran").exists()
    assert not {name for name in set(sys.modules) - before if name.partition(".")[0] in ("lights", "http")}


def test_reading_it_asks_for_nothing(whole: Path, here: Path) -> None:
    study = Study.open(naming(whole, here / "pulled", **NAMED[0]))
    assert len(study.scores()) and study.probes.properties and study.report.is_file()
    assert not (here / "ran").exists()


def test_a_yes_is_for_a_class_of_a_file(
    whole: Path, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = naming(whole, here / "pulled", **NAMED[0])
    assert call("trust", "light_of_mine:Light") == 0
    assert f"light_of_mine:Light of {here}/light_of_mine.py may be run" in capsys.readouterr().out
    assert not (here / "ran").exists()
    require_trust(open_study(study))
    with pytest.raises(UnderpaintingError, match="lights:Light"):
        require_trust(open_study(naming(whole, here / "other", **NAMED[2])))
    elsewhere = here / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "light_of_mine.py").write_text(CLASS)
    monkeypatch.chdir(elsewhere)
    with pytest.raises(UnderpaintingError, match=f"{elsewhere}/light_of_mine"):
        require_trust(open_study(study))
    Study.open(study, trust="light_of_mine:Light")
    require_trust(open_study(study))
    for name in ("no_such_module:Light", "stilllife"):
        assert call("trust", name) == 2
        assert f"no class '{name}'" in capsys.readouterr().err


def test_who_makes_a_study_has_said_yes(
    pipeline_folder: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "prompts.csv").write_text("prompt,seed\n" + "".join(f"a thing {i},{i}\n" for i in range(6)))
    options = [
        "--model",
        str(pipeline_folder),
        "--steps",
        "2",
        "--layers",
        "mid.0",
        "--set",
        "run.device=cpu",
    ]
    named = ["--estimator", "light_of_mine:Light", "--prompts", "prompts.csv"]
    assert call("init", "mine", *options, *named) == 0, capsys.readouterr().err
    (here / "ran").unlink()
    sys.path.remove(str(here))  # as in another process
    del sys.modules["light_of_mine"]
    assert call("estimate", "mine", "--no-time") == 0, capsys.readouterr().err
    os.rename("mine", "moved")
    assert call("estimate", "moved", "--no-time") == 0, capsys.readouterr().err


def test_objects_and_installed_names_need_no_yes(here: Path) -> None:
    config = StudyConfig.model_validate({"labels": {"estimator": "light_of_mine:Light"}})
    assert own_classes(config) == ["light_of_mine:Light"]
    assert own_classes(config, labeller=object()) == []  # type: ignore[arg-type]
    (here / "maps:Light").mkdir()
    for known in ("stilllife", "midas,tracer", "maps:Light"):
        assert own_classes(StudyConfig.model_validate({"labels": {"estimator": known}})) == []
    assert own_classes(StudyConfig.model_validate({"labels": {"classifier": "OWNER/NAME"}})) == []


def test_where_a_yes_cannot_be_kept_is_said(here: Path) -> None:
    (here / "state").write_text("a file")
    with pytest.raises(UnderpaintingError, match=r"cannot be kept in .*; set XDG_STATE_HOME"):
        trust(["light_of_mine:Light"])
    assert not (here / "ran").exists()


def test_the_current_folder_is_no_part_of_the_python_path(
    whole: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = list(sys.path)
    assert call("verify", str(whole)) in (0, 1)
    assert sys.path == before and str(here) not in sys.path and "" not in sys.path[len(before) :]


def test_create_study_alone_is_no_yes(here: Path) -> None:
    from underpainting.study.request.prompts import PromptRow

    config = StudyConfig.model_validate({"labels": {"estimator": "light_of_mine:Light"}})
    made = create_study(here / "unpacked", config, [PromptRow(f"a thing {i}", i, i) for i in range(6)])
    with pytest.raises(UnderpaintingError, match="nobody has said yes"):
        workflow.run(made)
    assert not (here / "ran").exists()
