"""The reference of the commands has every command, option and example."""

import re
from typing import Any

from typer.main import get_command

from underpainting.cli import command_line
from website.commands import reference

COMMANDS: dict[str, Any] = get_command(command_line()).commands  # type: ignore[attr-defined]


def test_every_command_with_its_options_and_examples() -> None:
    sections = dict(re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", reference(), flags=re.M | re.S))
    assert sections.keys() == COMMANDS.keys()
    for name, command in COMMANDS.items():
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", sections[name].rpartition("\n```\n")[0]))
        assert {max(one.opts, key=len) for one in command.params if one.opts[0].startswith("--")} <= named
        assert f"underpainting {name}" in sections[name] and command.help in sections[name]


def test_what_would_be_a_mark_is_none() -> None:
    for line in reference().splitlines():
        if line.startswith("| "):
            outside = re.sub(r"`[^`]*`", "", line)
            assert not re.search(r"<|(?<!\\)\*", outside), line
            assert len(re.findall(r"(?<!\\)\|", outside)) == 3, line
