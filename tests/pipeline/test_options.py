"""Every numeric option and path of every command, as the command line lists them, given nonsense.

A study that is not run stands where a command wants one, and no model is loaded: what gets so far was legal.
"""

import io
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from underpainting import cli, workflow
from underpainting.diffusion import loading
from underpainting.study.request.config import parse_config
from underpainting.study.request.options import options
from underpainting.study.request.prompts import PromptRow
from underpainting.study.study import create_study

APP = cli.command_line()
COMMANDS: dict[str, Any] = get_command(APP).commands  # type: ignore[attr-defined]
REACHED = 77  # the exit code of what would load a model
NEVER = ("nan", "inf", "-inf", "1e400", "x", "", "9" * 5000, "-" + "9" * 5000, "0x10")
PERHAPS = ("0", "-1", "1e308", "-1e308", "1e-320", str(2**63), str(2**64), "-0.0", "1.5", "1_0")
NUMBERS = [
    (name, parameter)
    for name, command in COMMANDS.items()
    for parameter in command.params
    if parameter.type_descriptor.annotation in (int, float)
]
PATHS = [
    (name, parameter)
    for name, command in COMMANDS.items()
    for parameter in command.params
    if parameter.type_descriptor.annotation in (Path, list[Path])
]
WITH = {
    "init": ["--prompts=stilllife", "--limit=8"],
    "search": ["--prompt=a mug", "--wish=left third"],
    "intervene": ["--prompt", "a mug", "--mirror"],
    "look": ["photo.png"],
    "transfer": ["--leave-out", "mug"],
    "classify": ["--prompt", "a mug"],
    "import-probes": ["probes"],
    "replay": ["folder"],
    "push": ["me/study"],
    "pull": ["new"],
}
FIRST = {"init": "new", "demo": "new", "classify": None, "layers": None, "controls": None, "pull": "me/study"}
WORDS = {"rotate": "angle"}  # what a setting is called where an option has another name


NUMERIC = [
    name
    for name, option in options().items()
    if any(kind in str(option.field.annotation) for kind in ("float", "int")) and option.key != "dtype"
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with a study that is not run; nothing loads a model or speaks to the hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    rows = [PromptRow(f"thing {i}", i, i) for i in range(6)]
    create_study(tmp_path / "study", parse_config({}, "here"), rows)
    (tmp_path / "photo.png").write_bytes(b"none")

    def reached(*given: Any, **options: Any) -> None:
        raise SystemExit(REACHED)

    monkeypatch.setattr(loading, "read_pipeline", reached)
    monkeypatch.setattr(workflow, "run_study", reached)
    monkeypatch.setattr(cli, "command_line", lambda: APP)
    yield
    from underpainting.threads import ask_for

    ask_for(None)


def said(*arguments: str) -> tuple[int, str]:
    """Exit code of a command, and its one line on stderr where it refuses."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert isinstance(left.value.code, int)
    if left.value.code == 2:
        lines = [line for line in err.getvalue().splitlines() if line != "underpainting: loading"]
        assert len(lines) == 1 and lines[0].startswith("underpainting: ") and len(lines[0]) < 1000, lines
        return 2, lines[0]
    return left.value.code, ""


def arguments(name: str, *given: str) -> list[str]:
    """A command that would go well, with options more."""
    first, named = FIRST.get(name, "study"), tuple(one.partition("=")[0] + "=" for one in given)
    others = [one for one in WITH.get(name, []) if not (named and one.startswith(named))]
    return [name, *([] if first is None else [first]), *others, *given]


@pytest.mark.parametrize(("name", "parameter"), NUMBERS, ids=[f"{name} {of.name}" for name, of in NUMBERS])
def test_numbers(name: str, parameter: Any) -> None:
    (option,) = parameter.opts
    for value in NEVER:
        code, line = said(*arguments(name, f"{option}={value}"))
        word = WORDS.get(parameter.name, parameter.name)
        assert code == 2 and (option in line or word in line), (value, line)
    for value in PERHAPS:
        code, line = said(*arguments(name, f"{option}={value}"))
        assert code in (0, 2, REACHED), value
        if value.startswith("-1") and parameter.name not in ("rotate", "nearer", "max_set_aside"):
            assert code == 2, value


def test_all_commands_with_numbers_are_there() -> None:
    assert {name for name, _ in NUMBERS} >= {"init", "run", "classify", "intervene", "experiment", "look"}
    assert len(NUMBERS) * (len(NEVER) + len(PERHAPS)) > 400


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("intervene", "--move", "nan,0"),
        ("intervene", "--move", "0,inf"),
        ("intervene", "--move", "9" * 5000 + ",0"),
        ("intervene", "--move", ","),
        ("intervene", "--move", ""),
        ("intervene", "--steps", "nan-3"),
        ("intervene", "--steps", "0-3"),
        ("intervene", "--steps", "1-1e9"),
        ("intervene", "--steps", "3"),
        ("intervene", "--strength", "1e300"),
        ("intervene", "--layers", ","),
        ("intervene", "--branches", ""),
        ("experiment", "--steps", "1-inf"),
        ("experiment", "--branches", "both"),
        ("capture", "--steps", "nan"),
        ("capture", "--steps", "9" * 5000),
        ("capture", "--split", "all"),
    ],
)
def test_lists_of_numbers(name: str, option: str, value: str) -> None:
    assert said(*arguments(name, f"{option}={value}"))[0] in ((2, REACHED) if value == "" else (2,))


@pytest.mark.parametrize("option", NUMERIC)
def test_settings_of_a_study(option: str) -> None:
    known = options()[option]
    for value in NEVER:
        code, line = said(*arguments("init", f"--set={known.section}.{known.key}={value}"))
        assert code == 2 and known.key in line
    for value in PERHAPS:
        assert said(*arguments("init", f"--set={known.section}.{known.key}={value}"))[0] in (0, 2, REACHED)


@pytest.mark.parametrize(("name", "parameter"), PATHS, ids=[f"{name} {of.name}" for name, of in PATHS])
@pytest.mark.parametrize("value", ["x" * 300, "/dev/null/x", "", "photo.png/x", "a\0b", "~nobody/x"])
def test_paths(name: str, parameter: Any, value: str) -> None:
    given = arguments(name)
    if parameter.param_type_name == "option":
        given.append(f"{parameter.opts[0]}={value}")
    else:
        place = [of.name for of in COMMANDS[name].params if of.param_type_name == "argument"].index(
            parameter.name
        )
        given[1 + place : 2 + place] = [value]
    code, _ = said(*given)
    assert code in ((2,) if value == "" else (1, 2, REACHED))
