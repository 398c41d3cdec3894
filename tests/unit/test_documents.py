"""Pages say what is so: links lead somewhere; commands, options, Python names and paths are there."""

import ast
import re
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from shlex import split
from typing import Any
from urllib.parse import urlsplit

import pytest
from typer.exceptions import TyperException
from typer.main import get_command

import underpainting
from underpainting.cli import command_line
from underpainting.cli._options import given_settings
from underpainting.controls import sources
from underpainting.findings.interventions import conditions
from underpainting.study.request.config import parse_config
from underpainting.study.request.options import options as settings
from underpainting.study.request.presets import with_preset

ROOT = Path(__file__).parents[2]
# Pages that are read outside the repository too (on the package's page) link by address.
PROJECT = "https://github.com/underpainting/underpainting/"
OUTSIDE = ("README.md", "src/underpainting/stilllife/README.md")
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (".", "docs", "docs/errors", "docs/findings", "studio", "src/underpainting/stilllife")
    for path in (ROOT / folder).glob("*.md")
)
COMMANDS: dict[str, Any] = get_command(command_line()).commands  # type: ignore[attr-defined]
GROUPS = ("controls", "estimators", "classifiers", "commands", "adapters")  # of entry points
FOREIGN = {"--help", "--version", "--install-completion"}  # what every command has, or the line without one


def prose(path: Path) -> str:
    """A page's text without its blocks of code."""
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)


def inline_code(path: Path) -> list[str]:
    """What stands between backticks in a page's text, on one line each."""
    return [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(path))]


def blocks(path: Path) -> list[tuple[str, str]]:
    """A page's blocks of code: language and contents."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    return [(language, code) for language, code in found]


def whole_commands(path: Path) -> list[str]:
    """Commands of ours that a page's blocks of code give, without their comments."""
    lines = "\n".join(code for language, code in blocks(path) if not language).replace("\\\n", " ")
    return [line for line in lines.splitlines() if re.match(r"underpainting [a-z]", line)]


def links(path: Path) -> list[str]:
    """Targets of a page's links and pictures, both `[words](target)` and `[name]: target`."""
    found = re.findall(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", prose(path), flags=re.M)
    return [inline or named for inline, named in found]


def anchors(path: Path) -> set[str]:
    """The names that a page's headings have as link targets on the project's page."""
    headings = re.findall(r"^#+ (.+)$", prose(path), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for link in links(page):
        address, _, anchor = link.partition("#")
        within = re.fullmatch(rf"{PROJECT}(?:blob|raw)/main/(.+)", address)
        if within:
            target = ROOT / within[1]
        elif urlsplit(address).scheme:
            continue
        else:
            assert not address or name not in OUTSIDE, f"{name}: {link} leads nowhere outside the repository"
            target = page.parent / address if address else page
        assert target.exists(), f"{name}: {link} is not there"
        assert not anchor or anchor in anchors(target), f"{name}: {link} has no such heading"


def test_every_page_is_in_the_index_of_the_docs() -> None:
    for folder in (ROOT / "docs", ROOT / "docs" / "errors", ROOT / "docs" / "findings"):
        pages = {path.name for path in folder.glob("*.md")} - {"README.md"}
        assert pages <= set(links(folder / "README.md"))


def test_the_page_of_commands_names_every_one() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert set(COMMANDS) == set(re.findall(r"^underpainting ([a-z-]+)", page, flags=re.M))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_of_the_blocks_can_be_given(name: str) -> None:
    for line in whole_commands(ROOT / name):
        command, *arguments = split(line, comments=True)[1:]
        assert command in COMMANDS, f"{name}: {line}: there is no such command"
        try:
            given = COMMANDS[command].make_context(command, arguments).params
        except TyperException as error:
            raise AssertionError(f"{name}: {line}: {error.format_message()}") from None
        if command == "init":
            asked = {key: value for key, value in given.items() if key not in ("study", "preset")}
            parse_config(with_preset(given["preset"], given_settings(asked)), f"{name}: {line}")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_options_that_the_text_names_are_there(name: str) -> None:
    known = set().union(*map(options, COMMANDS.values()))
    for script in (ROOT / name).parent.glob("*.py"):  # the studio's page speaks of its scripts
        known |= set(re.findall(r'add_argument\(\s*"(--[a-z-]+)"', script.read_text(encoding="utf-8")))
    for code in inline_code(ROOT / name):
        words = code.removeprefix("underpainting ").split()
        assert not code.startswith("underpainting ") or words[0] in COMMANDS, f"{name}: {code} is no command"
        named = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)}
        if words and words[0] in COMMANDS:
            unknown = named - options(COMMANDS[words[0]])
        else:
            unknown = named - known if code.startswith("--") else set()
        assert not unknown, f"{name}: {code}: there is no {', '.join(sorted(unknown))}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_names_in_python_are_there(name: str) -> None:
    python = [code for language, code in blocks(ROOT / name) if language == "python"]
    for code in (*python, *inline_code(ROOT / name)):
        for dotted in re.findall(r"(?<![\w/.\"-])underpainting((?:\.[A-Za-z_]+)+)", code):
            assert is_there(dotted.split(".")[1:]), f"{name}: there is no underpainting{dotted}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_of_the_repository_that_pages_name_are_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    folders = "src|tests|benchmarks|studio|docs"
    for code in inline_code(ROOT / name):
        for path in re.findall(rf"(?<![\w/. ])(?:{folders})/[\w./-]+[\w/]", code):
            assert (ROOT / path).exists(), f"{name}: {path} is not there"
    for module in re.findall(r"python -m ((?:benchmarks|studio)(?:\.[a-z_]+)*)", text):
        path = ROOT / module.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), f"{name}: there is no {module}"


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name.startswith("docs/errors/")])
def test_messages_of_the_error_pages_are_those_of_the_code(name: str) -> None:
    text = "\n".join(code for language, code in blocks(ROOT / name) if not language)
    for line in re.findall(r"^underpainting: (.+)$", text, flags=re.M):
        assert any(says(line, message) for message in messages()), f"{name}: no message is as {line!r}"


@cache
def messages() -> list[list[str]]:
    """The texts of the package's code: of each, what stands between the values that are put into it."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "src" / "underpainting").rglob("*.py")]
    texts = [node.values for tree in trees for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    texts += [[node] for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    parts = [[part.value for part in text if isinstance(part, ast.Constant)] for text in texts]
    return [text for text in parts if all(isinstance(part, str) for part in text) and len("".join(text)) > 11]


def says(line: str, message: list[str]) -> bool:
    """Whether a line has all parts of a message, in their order."""
    return re.search(".*".join(re.escape(" ".join(part.split())) for part in message), line) is not None


def test_every_setting_has_its_line() -> None:
    rows = re.findall(r"^\| `\[(\w+)\]` \| (.*) \|$", (ROOT / "docs/study.md").read_text(), flags=re.M)
    named = {section: set(re.findall(r"`(\w+)`", text)) for section, text in rows}
    assert all(option.key in named[option.section] for option in settings().values())


def test_tables_of_sources_and_conditions_are_the_registries() -> None:
    told = words_by_key("docs/emergence.md", "source")
    assert told == {key: source.title for key, source in sources().items()}
    told = words_by_key("docs/interventions.md", "condition")
    assert told == {key: condition.title for key, condition in conditions().items()}


def words_by_key(name: str, heading: str) -> dict[str, str]:
    """The first two columns of the table with this heading over its first column."""
    table = (ROOT / name).read_text(encoding="utf-8").split(f"\n| {heading} |")[1].split("\n\n")[0]
    rows = [line.split(" | ") for line in table.splitlines()[2:]]
    return {row[0].removeprefix("| ").strip("`"): row[1] for row in rows}


def is_there(names: list[str]) -> bool:
    """Whether a dotted name below the package is a public name, a module, or what is in one."""
    if len(names) == 1 and names[0] in GROUPS:
        return True
    home, rest = "underpainting", names
    while rest and find_spec(f"{home}.{rest[0]}") is not None:
        home, rest = f"{home}.{rest[0]}", rest[1:]
    if home == "underpainting" and rest[0] not in underpainting.__all__:
        return False
    thing: Any = import_module(home)
    for name in rest:
        if not hasattr(thing, name):
            return False
        thing = getattr(thing, name)
    return True


def options(command: Any) -> set[str]:
    """The options that a command takes."""
    return FOREIGN | {
        name
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("--")
    }
