"""The reference of the command line, from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from underpainting.cli import command_line

PANELS = {
    "Study": "Make a study and see what came of it",
    "Ask": "Ask a study that is done",
    "Act": "Act on what it knows",
    "Share": "Take things along",
}
"""The panels of `underpainting --help`, as the page's headings."""
_HEAD = """\
# Commands

Every command has `--help`, which says the same. A mistake in what is asked for is one line and exit code 2
([all of them](../errors/README.md)); `underpainting explain` prints the page of an error in the terminal.
"""


def reference() -> str:
    """The page in Markdown: commands by panel, each with what it does, its options and its examples."""
    commands: dict[str, Any] = get_command(command_line()).commands  # type: ignore[attr-defined]
    parts = [_HEAD]
    for panel in dict.fromkeys(command.rich_help_panel for command in commands.values()):
        parts.append(f"## {PANELS.get(panel, panel)}\n")
        of_panel = {name: one for name, one in commands.items() if one.rich_help_panel == panel}
        parts += [part for name, command in of_panel.items() for part in _command(name, command)]
    return "\n".join(parts)


def _command(name: str, command: Any) -> Iterator[str]:
    context = command.make_context(name, [], resilient_parsing=True)
    arguments = " ".join(one.metavar or one.name for one in _of_kind(command, "argument"))
    yield f"### {name}\n"
    yield f"```\nunderpainting {name} {arguments} [OPTIONS]\n```\n"
    yield f"{command.help}\n"
    for kind in ("argument", "option"):
        if shown := [one.get_help_record(context) for one in _of_kind(command, kind) if not one.hidden]:
            yield f"| {kind} | what it says |\n| --- | --- |"
            yield "\n".join(f"| `{_line(said)}` | {_plain(told)} |" for said, told in shown) + "\n"
    examples = "\n".join(command.epilog.split("\n\n")[1:])
    yield f"```\n{examples}\n```\n"


def _of_kind(command: Any, kind: str) -> list[Any]:
    return [one for one in command.params if one.param_type_name == kind]


def _line(text: str) -> str:
    return " ".join(text.split())


def _plain(text: str) -> str:
    """A text as a cell of a table has it: nothing in it is a border, a tag or an emphasis."""
    return _line(text).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
