"""The command line's manners: help, version, one line for what a person can put right."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import underpainting
from underpainting.cli import main
from underpainting.cli._options import given_seeds, png_file
from underpainting.cli._screen import table
from underpainting.errors import UnderpaintingError
from underpainting.progress import duration
from underpainting.weights import readable

PANELS = {
    "Study": "demo init estimate run report verify doctor layers controls",
    "Ask": "classify compare erase look nonlinear transfer",
    "Act": "intervene experiment replay",
    "Share": "capture import-probes pull push",
}
COMMANDS = tuple(name for names in PANELS.values() for name in names.split())


def _call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    shown = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, shown.out, shown.err


def _one_line(found: tuple[int, str, str]) -> str:
    code, out, err = found
    assert (code, out) == (2, "")
    assert err.count("\n") == 1 and "Traceback" not in err
    return err


def test_help_names_every_command_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _call(capsys, "--help")
    assert code == 0 and all(command in out for command in COMMANDS) and "underpainting demo" in out
    assert _call(capsys)[1].split() == out.split()
    places = [
        out.index(words)
        for panel, names in PANELS.items()
        for words in (f"─ {panel} ─", *(f"│ {name} " for name in names.split()))
    ]
    assert places == sorted(places)  # panel by panel, each with its commands


@pytest.mark.parametrize("command", COMMANDS)
def test_each_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _call(capsys, command, "--help")
    assert code == 0 and "Examples:" in out and f"underpainting {command}" in out


@pytest.mark.parametrize(
    "words",
    [("run", "x"), ("experiment", "x"), ("search", "x", "--prompt", "p"), ("capture", "x")],
    ids=lambda words: words[0],
)
def test_where_it_is_made_is_asked_in_the_same_words(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    for given, said in (
        (("--workers", "two"), "workers is 'two': give a whole number from 1 to 256, or auto"),
        (("--on", "slurm"), "on is 'slurm': give here or ray"),
        (("--gpus-per-worker", "1"), "gpus_per_worker is 1.0, which a cluster alone has; run on ray"),
    ):
        assert said in _one_line(_call(capsys, *words, *given))


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert _call(capsys, "--version") == (0, f"underpainting {underpainting.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("inti",), "No such command 'inti'"),
        (("init", "STUDY"), "Missing option '--prompts'"),
        (("init", "STUDY", "--prompts", "p.csv", "--limit", "many"), "--limit is many: give a whole number"),
        (("experiment", "STUDY", "--pictures", "1"), "--pictures is 1: give 2 or more"),
        (("classify", "x", "--guidance-scale", "-3"), "--guidance-scale is -3: give 0 or more"),
        (("init", "STUDY", "--prompts", "p.csv", "--steps", "0"), "steps = 0 in [model]"),
        (("init", "STUDY", "--prompts", "p.csv", "--branches", "both"), "'both'"),
        (("init", "STUDY", "--prompts", "p.csv", "--set", "probes.strengths=1,x"), "'x'"),
        (("init", "STUDY", "--prompts", "p.csv", "--set", "run.batchsize=4"), "did you mean 'batch_size'"),
        (("init", "STUDY", "--prompts", "p.csv", "--set", "rnu.batch_size=4"), "did you mean 'run'"),
        (("init", "STUDY", "--prompts", "p.csv", "--set", "batch_size=4"), "give section.key=value"),
        (("init", "STUDY", "--prompts", "p.csv", "--controls", "permted"), "did you mean 'permuted'"),
        (("init", "STUDY", "--prompts", "p.csv"), "no prompts at p.csv"),
        (
            ("init", "STUDY", "--prompts", "p.csv", "--estimator", "tracer", "--estimator", "midas"),
            "--estimator is given twice: give several with commas between, --estimator A,B",
        ),
        (
            ("init", "STUDY", "--prompts", "p.csv", "--prompts=q.csv"),
            "--prompts is given twice: give it once",
        ),
        (
            ("init", "STUDY", "--prompts", "p.csv", "--set", "run.gallery=1", "--set", "run.gallery=2"),
            "run.gallery is given twice",
        ),
        (("init", "STUDY", "--prompts", "p.csv", "--steps", "3", "--set", "model.steps=4"), "is given twice"),
        (("run", "STUDY", "--workers", "1", "--workers", "2"), "--workers is given twice: give it once"),
        (("search", "STUDY", "--seeds", "0:9", "--seeds", "3"), "--seeds is given twice: give several with"),
        (("estimate", "STUDY", "--time", "--no-time"), "--time is given twice"),
        (("init", "STUDY", "--prompt", "p.csv"), "--prompts"),
        (("run", "STUDY"), "STUDY holds no study"),
        (("estimate", "STUDY"), "STUDY holds no study"),
        (("capture", "STUDY"), "STUDY holds no study"),
        (("push", "STUDY", "me/study"), "STUDY holds no study"),
        (("report", "STUDY"), "STUDY holds no study"),
        (("layers", "./nowhere"), "no folder"),
        (("layers", "."), "not a diffusers pipeline"),
    ],
)
def test_mistakes_are_one_line(
    arguments: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in _one_line(_call(capsys, *arguments))
    assert not (tmp_path / "STUDY").exists()


def test_a_folder_with_other_things_is_left_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert "not empty" in _one_line(_call(capsys, "init", str(tmp_path), "--prompts", "p.csv"))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_table_and_units(capsys: pytest.CaptureFixture[str]) -> None:
    table(["name", "value"], [["a [b]", 0.25], ["c", None]])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["name", "value"],
        ["a", "[b]", "0.250"],
        ["c", "-"],
    ]
    assert (readable(999), readable(740_000_000), readable(1_480_000)) == ("999 B", "740 MB", "1.5 MB")
    assert (duration(20), duration(350), duration(8000)) == ("20 s", "6 min", "2 h 13 min")


def test_public_names_are_there_and_import_lazily() -> None:
    assert json.dumps(sorted(underpainting.__all__)) == json.dumps(sorted(set(underpainting.__all__)))
    for name in underpainting.__all__:
        assert getattr(underpainting, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        underpainting.nothing  # noqa: B018


def test_controls_say_what_they_rule_out_and_which_show_what_is_held_inside(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = _call(capsys, "controls")
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0 and rows["control"].split()[1] == "used"
    assert "light and dark" in rows["luminance"] and "what the latents say" in rows["fresh"]
    assert "what the latents say" in rows["network"] and "what the prompt says" in rows["prompt"]
    assert [name for name in rows if rows[name].split()[1] == "yes"] == [
        "decoder",
        "estimator",
        "latents",
        "luminance",
    ]
    assert "network, a network trained on the latents" in rows["held"]
    assert "permuted or fresh, untrained networks" in rows["held"]
    told = json.loads(_call(capsys, "controls", "--json")[1])
    assert {one["key"]: one["rules_out"] for one in told if one["key"] in ("estimator", "luminance")} == {
        "estimator": [],
        "luminance": ["light and dark"],
    }


def test_a_single_number_is_one_seed_and_that_is_noted() -> None:
    notes: list[str] = []
    assert given_seeds("0:3", notes.append) == [0, 1, 2] and given_seeds("4,9", notes.append) == [4, 9]
    assert notes == []
    assert given_seeds("64", notes.append) == [64]
    assert notes == ["one seed, 64; for 64 of them give 0:64"]


def test_a_picture_is_written_to_a_png_alone() -> None:
    assert png_file(Path("sheet.PNG")) == Path("sheet.PNG")
    for name in ("sheet", "sheet.jpg"):
        with pytest.raises(UnderpaintingError, match=rf"--out {name} is no PNG file's name: .*{name}\.png"):
            png_file(Path(name))


def test_what_reads_a_study_loads_no_library_of_models() -> None:
    """Refusals and reports come in half the time."""
    asked = "import sys, underpainting.workflow; print({'diffusers', 'transformers'} & sys.modules.keys())"
    printed = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    assert printed.stdout == "set()\n"
