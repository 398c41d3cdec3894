"""What two commands print of a photograph."""

from __future__ import annotations

from collections.abc import Iterable

from studio.tables.files import answer

SHOWN = ("step", "1", "5", "10", "15")


def looked() -> str:
    """Some of the steps that `look` prints."""
    return _verbatim(line for line in answer("photograph", " look ") if line.split()[0] in SHOWN)


def classes() -> str:
    """The table that `classify` prints."""
    head, *rows = answer("photograph", " classify ")[1:4]
    return _verbatim(line.rstrip() for line in (head, *rows))


def _verbatim(lines: Iterable[str]) -> str:
    return "\n".join(["```", *lines, "```", ""])
