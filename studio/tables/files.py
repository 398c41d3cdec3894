"""What `studio.figures` kept: an item's record, the answers of its commands, its tables."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).resolve().parents[2] / "figures"
COLUMNS = re.compile(r" {2,}")
Row = dict[str, str]


def record(item: str) -> dict[str, Any]:
    """All that is noted of an item."""
    return dict(json.loads((FIGURES / f"{item}.json").read_text(encoding="utf-8")))


def answer(item: str, words: str) -> Any:
    """What the one command of an item that has these words printed, or the JSON file of that name."""
    answers = record(item)["answers"]
    if words in answers:
        return answers[words]
    (printed,) = [found for command, found in answers.items() if words in command]
    return printed


def printed(item: str, words: str, head: Sequence[str]) -> list[list[str]]:
    """The rows of a table that a command of an item printed in columns, two spaces or more apart.

    Raises StopIteration where it printed none with these columns.
    """
    lines = iter(answer(item, words))
    next(line for line in lines if tuple(COLUMNS.split(line.strip())) == tuple(head))
    rows = map(COLUMNS.split, (line.strip() for line in lines))
    return list(takewhile(lambda row: len(row) == len(head), rows))


def csv_rows(name: str) -> list[Row]:
    """The rows of a table as they stand in its file."""
    with (FIGURES / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
