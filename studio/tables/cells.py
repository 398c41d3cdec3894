"""Tables of Markdown and what stands in their cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from underpainting.controls import sources

MINUS = "\u2212"
Rows = Iterable[Sequence[object]]


def table(head: Sequence[str], rows: Rows) -> str:
    """A table of Markdown, with a line's end after its last row."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def number(value: float | None, digits: int = 2, sign: bool = False) -> str:
    """A number with a true minus; nothing where there is none."""
    if value is None or math.isnan(value):
        return ""
    told = f"{value:{'+' if sign else ''}.{digits}f}"
    return told.replace("-", MINUS)


def within(
    row: Mapping[str, Any],
    of: Sequence[str] = ("mean", "low", "high"),
    digits: int = 2,
    sign: bool = False,
) -> str:
    """A value of a row and its interval."""
    value, low, high = (number(float(row[key]), digits, sign) for key in of)
    return f"{value} ({low} to {high})"


def sure(row: Mapping[str, Any], of: Sequence[str], digits: int = 2) -> str:
    """A difference, bold where its interval leaves out zero."""
    value, low, high = (float(row[key]) for key in of)
    told = number(value, digits, sign=True)
    return f"**{told}**" if low > 0 or high < 0 else told


def surely(row: Mapping[str, Any], of: Sequence[str], digits: int = 2) -> str:
    """The same with its interval."""
    low, high = (number(float(row[key]), digits) for key in of[1:])
    return f"{sure(row, of, digits)} ({low} to {high})"


def step(row: Mapping[str, str]) -> str:
    """A step, or that it was not reached."""
    return row["step"] or "not reached"


def steps_within(row: Mapping[str, str]) -> str:
    """A step's interval."""
    if row["low"] and not row["high"]:
        return f"{row['low']} or later"
    return f"{row['low']} to {row['high']}" if row["low"] else ""


def title(key: str) -> str:
    """What a source is called."""
    return sources()[key].title
