"""The Dockerfile's steps, as far as is seen without Docker: what it copies, runs and starts is there."""

import json
import re
from importlib.util import find_spec
from pathlib import Path
from shlex import split

from typer.main import get_command

from underpainting.cli import command_line
from underpainting.page.server import PORT

ROOT = Path(__file__).parents[2]
LINES = [
    tuple(line.split(" ", 1))
    for line in re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8")).splitlines()
    if line and not line.startswith("#")
]


def of(instruction: str) -> list[str]:
    return [rest for name, rest in LINES if name == instruction]


def test_what_is_copied_is_there_and_is_let_through() -> None:
    let_through = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = [
        path
        for line in of("COPY")
        for path in [word for word in split(line) if not word.startswith("--")][:-1]
    ]
    assert {"pyproject.toml", "src"} <= set(copied)
    for path in copied:
        assert (ROOT / path).exists() and f"!{path}" in let_through


def test_what_the_package_is_built_of_is_copied() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = [re.findall(r'^readme = "(.+)"', project, flags=re.M)[0], "LICENSE", "pyproject.toml", "src"]
    assert all(any(name in split(line) for line in of("COPY")) for name in named)


def test_a_user_without_rights_runs_it_on_the_port_of_a_space() -> None:
    names = [name for name, _ in LINES]
    assert re.search(r"useradd .*--uid 1000 user", of("RUN")[0]) and of("USER") == ["user"]
    assert names.index("USER") < min(i for i, (name, rest) in enumerate(LINES) if "pip install" in rest)
    assert of("EXPOSE") == [str(PORT)] == ["7860"]


def test_what_is_run_and_started_is_there() -> None:
    modules = re.findall(r"python -m (\S+)", " ".join(of("RUN")))
    assert modules and all(find_spec(name) for name in modules)
    program, command, *arguments = json.loads(of("CMD")[0])
    assert program == "underpainting"
    given = get_command(command_line()).commands[command].make_context(command, arguments).params  # type: ignore[attr-defined]
    assert (given["host"], given["port"], given["public"]) == ("0.0.0.0", PORT, True)
    assert any("[page]" in line for line in of("RUN"))
