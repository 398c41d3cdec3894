"""Every command that takes long, as a person at a terminal meets it: to the end, stopped, gone on with."""

import re
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.faults import contents
from tests.pipeline.study.conftest import tiny_config, tiny_rows
from tests.terminal import Seen, Step, at_terminal
from underpainting.study.request.config import parse_config
from underpainting.study.study import create_study
from underpainting.study.trust import trust

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
EXPERIMENT = ("--pictures", "2", "--trials", "1", "--steps", "1-2", "--strength", "1.5")
WISH = ("--prompt", "a thing number 3", "--wish", "left", "--among", "4", "--finish", "1")
PROMPT = ("--prompt", "a thing number 3", "--seed", "5", "--move", "0.25,-0.25")
GOES_ON = {
    "run": ("run", "stopped/study"),
    "capture": ("capture", "stopped/study", "--layers", "up.3.0", "--out", "stopped/captures"),
    "experiment": ("experiment", "stopped/study", *EXPERIMENT),
    "search": ("search", "stopped/study", *WISH),
}
BEGINS_ANEW = {
    "intervene": ("intervene", "stopped/study", *PROMPT, "--out", "moved"),
    "replay": ("replay", "stopped/study", "moved"),
    "nonlinear": ("nonlinear", "stopped/study", "--pictures", "4"),
    "transfer": ("transfer", "stopped/study", "--empty-prompt"),
    "erase": ("erase", "stopped/study", "--pictures", "2", "--fit-pictures", "4"),
    "look": ("look", "stopped/study", "picture.png"),
    "classify": ("classify", "--prompt", "a lemon", "--steps", "2", "--out", "seen"),
    "estimate": ("estimate", "stopped/study"),
}
STOPS = {"run": 4, "capture": 3, "experiment": 7, "nonlinear": 2}


@pytest.fixture(scope="module")
def folder(pipeline_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same new study three times, a picture."""
    made = tmp_path_factory.mktemp("terminal")
    (made / "estimator_of_terminal.py").write_text(ESTIMATOR)
    settings = tiny_config(pipeline_folder).model_dump(mode="json", exclude_none=True)
    settings["labels"]["estimator"] = "estimator_of_terminal:Light"
    settings["watch"] = {"layers": ["mid.0", "up.3.0"]}
    for name in ("whole/study", "stopped/study", "workers"):
        create_study(made / name, parse_config(settings, "settings"), tiny_rows())
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(made))
        trust(["estimator_of_terminal:Light"])
    Image.linear_gradient("L").resize((32, 32)).convert("RGB").save(made / "picture.png")
    return made


@pytest.fixture(scope="module")
def session(folder: Path) -> dict[str, Seen]:
    """Each command stopped and given again; then some undisturbed, and in other terminals."""
    steps = {"demo stopped": Step(("demo", "stopped/study"), 3)}
    for name, arguments in (GOES_ON | BEGINS_ANEW).items():
        steps[f"{name} stopped"] = Step(arguments, STOPS.get(name, 1))
        steps[name] = Step(arguments)
    whole = {name: [of.replace("stopped/", "whole/") for of in GOES_ON[name]] for name in GOES_ON}
    steps["demo"] = Step(("demo", "whole/study"), columns=40)
    steps["capture dumb"] = Step(whole["capture"], environment={"TERM": "dumb"})
    steps["experiment plain"] = Step(whole["experiment"], environment={"NO_COLOR": "1"})
    steps["workers stopped"] = Step(("run", "workers", "--workers", "2"), slowly=True)
    seen = dict(zip(steps, at_terminal(list(steps.values()), folder), strict=True))
    for name, of in seen.items():
        assert "Traceback" not in of.written, f"{name}: {of.written}"
    return seen


@pytest.mark.parametrize("name", ["demo", *GOES_ON, *BEGINS_ANEW])
def test_from_start_to_end(name: str, session: dict[str, Seen]) -> None:
    seen = session[name]
    assert seen.code == 0 and any(" %" in line for line in seen.drawn)
    left = "".join(seen.screen)
    assert "━" not in left and "loading" not in left


@pytest.mark.parametrize("name", ["demo", "workers", *GOES_ON, *BEGINS_ANEW])
def test_ctrl_c_is_one_line(name: str, session: dict[str, Seen]) -> None:
    seen = session[f"{name} stopped"]
    said = [line for line in seen.screen if line and "^C" not in line]
    if name == "capture":  # says first how much it is to write
        assert "14 of 14 images to make" in said.pop(0)
    assert seen.code == 130 and len(said) == 1
    after = "begins anew" if name in BEGINS_ANEW else "goes on"
    assert re.match(f"underpainting: stopped; .*the same command {after}", said[0])


def test_what_was_stopped_goes_on_to_the_same_bytes(session: dict[str, Seen], folder: Path) -> None:
    whole, stopped = contents(folder / "whole"), contents(folder / "stopped")
    assert {"captures/capture.json", "study/interventions/scores.parquet"} < whole.keys()
    assert [name for name in whole if whole[name] != stopped[name]] == []


def test_a_narrow_terminal_has_one_line_that_fits(session: dict[str, Seen]) -> None:
    seen = session["demo"]
    bars = [line for line in seen.drawn if re.search(r"pictures .*\d/14 +\d+ %", line)]
    assert bars and all(len(line) < 40 for line in bars)
    assert not any("/14" in line or "…" in line for line in seen.screen)


def test_no_color(session: dict[str, Seen]) -> None:
    colour = re.compile(r"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d|10\d)(?:;\d+)*m")
    plain = session["experiment plain"].written
    assert colour.search(session["experiment"].written)
    assert "━" in plain and not colour.search(plain)


def test_a_dumb_terminal_gets_plain_lines(session: dict[str, Seen]) -> None:
    seen = session["capture dumb"]
    assert seen.code == 0 and "\x1b" not in seen.written
    assert "underpainting: activations: 0 of 14 pictures, 0 %" in seen.screen
