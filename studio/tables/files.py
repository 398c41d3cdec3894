"""What `studio.figures` kept: an item's record, the answers of its commands, its tables."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).resolve().parents[2] / "figures"
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


def csv_rows(name: str) -> list[Row]:
    """The rows of a table as they stand in its file."""
    with (FIGURES / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
