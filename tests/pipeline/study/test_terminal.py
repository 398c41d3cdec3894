"""Every command that takes long, as a person at a terminal meets it: whole, stopped, gone on with."""

import re
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.faults import contents
from tests.pipeline.study.conftest import tiny_config, tiny_rows
from tests.terminal import Seen, Step, at_terminal
from underpainting.study.request.config import parse_config
from underpainting.study.study import create_study

ESTIMATOR = """
import os, time

class Light:
    properties = ("saliency",)
    name, fingerprint = "light", "1"

    def __call__(self, pictures):
        if os.path.exists("slow"):
            os.write(2, b"\\a")
            time.sleep(60)
        light = pictures.mean(1)
        middle = light.flatten(1).median(dim=1).values[:, None, None]
        return {"saliency": (light > middle).float()}
"""
EXPERIMENT = ("--experiment", "--pictures", "3", "--trials", "1", "--steps", "1-2", "--strength", "1.5")
PROMPT = ("--prompt", "a thing number 3", "--seed", "5")
LONG = {
    "run": ("run", "stopped/study"),
    "demo": ("demo", "demo"),
    "capture": ("capture", "stopped/study", "--layers", "up.3.0", "--out", "stopped/captures"),
    "experiment": ("intervene", "stopped/study", *EXPERIMENT),
    "intervene": ("intervene", "stopped/study", *PROMPT, "--move", "0.25,-0.25"),
    "nonlinear": ("nonlinear", "stopped/study", "--pictures", "4"),
    "transfer": ("transfer", "stopped/study", "--empty-prompt"),
    "look": ("look", "picture.png", "--study", "stopped/study"),
    "classify": ("classify", "--prompt", "a lemon", "--steps", "2", "--out", "seen"),
    "estimate": ("estimate", "stopped/study"),
}
STOPS = {"run": 4, "demo": 3, "capture": 3, "experiment": 14, "nonlinear": 2, "transfer": 2}
GOES_ON = ("run", "demo", "capture", "experiment")


@pytest.fixture(scope="module")
def folder(pipeline_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same new study three times, a picture."""
    made = tmp_path_factory.mktemp("terminal")
    (made / "estimator_of_terminal.py").write_text(ESTIMATOR)
    settings = tiny_config(pipeline_folder).model_dump(mode="json", exclude_none=True)
    settings["labels"]["estimator"] = "estimator_of_terminal:Light"
    settings["watch"] = {"layers": ["mid.0", "up.3.0"]}
    for name in ("whole/study", "stopped/study", "demo", "workers"):
        create_study(made / name, parse_config(settings, "settings"), tiny_rows())
    Image.linear_gradient("L").resize((32, 32)).convert("RGB").save(made / "picture.png")
    return made


@pytest.fixture(scope="module")
def session(folder: Path) -> dict[str, Seen]:
    """Each command stopped and given again; then some undisturbed, and in other terminals."""
    steps: dict[str, Step] = {}
    for name, arguments in LONG.items():
        steps[f"{name} stopped"] = Step(arguments, STOPS.get(name, 1))
        steps[name] = Step(arguments)
    whole = {name: [of.replace("stopped/", "whole/") for of in LONG[name]] for name in GOES_ON}
    steps["run narrow"] = Step(whole["run"], columns=40)
    steps["capture dumb"] = Step(whole["capture"], environment={"TERM": "dumb"})
    steps["experiment plain"] = Step(whole["experiment"], environment={"NO_COLOR": "1"})
    steps["workers stopped"] = Step(("run", "workers", "--workers", "2"), slowly=True)
    seen = dict(zip(steps, at_terminal(list(steps.values()), folder), strict=True))
    for name, of in seen.items():
        assert "Traceback" not in of.written, f"{name}: {of.written}"
    return seen


@pytest.mark.parametrize("name", LONG)
def test_from_start_to_end(name: str, session: dict[str, Seen]) -> None:
    seen = session[name]
    assert seen.code == 0
    assert any("━" in line for line in seen.drawn)
    assert not any("━" in line for line in seen.screen) and "loading" not in "".join(seen.screen)


@pytest.mark.parametrize("name", [*LONG, "workers"])
def test_ctrl_c_is_one_line(name: str, session: dict[str, Seen]) -> None:
    seen = session[f"{name} stopped"]
    assert seen.code == 130
    said = [line for line in seen.screen if line and not line.startswith("^C")]
    goes_on = name in (*GOES_ON, "workers")
    assert re.match("underpainting: stopped; .*" + ("goes on" if goes_on else "begins anew"), said[-1])
    assert len(said) == 1 + (name == "capture")  # it says first how much it is to write


def test_what_was_stopped_goes_on_to_the_same_bytes(session: dict[str, Seen], folder: Path) -> None:
    whole, stopped = contents(folder / "whole"), contents(folder / "stopped")
    assert {"captures/capture.json", "study/interventions/scores.parquet"} < whole.keys()
    assert [name for name in whole if whole[name] != stopped[name]] == []


def test_a_narrow_terminal_has_one_line_that_fits(session: dict[str, Seen]) -> None:
    seen = session["run narrow"]
    bars = [line for line in seen.drawn if "%" in line and "pictures" in line]
    assert bars and all(len(line) < 40 and "━" not in line for line in bars)
    assert any("calib" in line and "/14" in line for line in bars)
    assert not any(re.search(r"\d/14", line) for line in seen.screen)


def test_no_color(session: dict[str, Seen]) -> None:
    colour = re.compile(r"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d|10\d)(?:;\d+)*m")
    assert colour.search(session["experiment"].written)
    assert "━" in session["experiment plain"].written and not colour.search(
        session["experiment plain"].written
    )


def test_a_dumb_terminal_gets_plain_lines(session: dict[str, Seen]) -> None:
    seen = session["capture dumb"]
    assert seen.code == 0 and "\x1b" not in seen.written
    assert "underpainting: activations: 0 of 14 pictures, 0 %" in seen.screen
