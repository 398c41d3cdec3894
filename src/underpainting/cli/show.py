"""What commands put on the screen: tables, JSON, numbers in words."""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from underpainting.errors import UnderpaintingError
from underpainting.findings.against import Headline
from underpainting.findings.compare import Compared
from underpainting.report.verdicts import emergence_cell, verdict_words
from underpainting.vocabulary import METRICS, SOURCES

GAP = 2  # columns between those of a table


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], keys: int = 1) -> None:
    """Print a table; numbers stand to the right. A pipe gets it as wide as it needs to be.

    On a terminal that is too narrow its columns follow in several tables, one below the other, each after the
    first `keys` columns, which say what a row is; nothing is cut off.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    everything = sum(widths) + GAP * len(widths)
    for part in _parts(widths, keys, Console().width if sys.stdout.isatty() else everything):
        shown = Table(box=None, pad_edge=False, header_style="bold")
        for i in part:
            numeric = all(isinstance(row[i], int | float) or row[i] is None for row in rows)
            shown.add_column(columns[i], justify="right" if numeric else "left", no_wrap=True)
        for row in cells:
            shown.add_row(*(row[i] for i in part))
        Console(width=everything, highlight=False, markup=False).print(shown)


def as_json(data: object) -> None:
    """Print JSON; what is not defined is null."""
    typer.echo(json.dumps(_defined(data), indent=1, ensure_ascii=False))


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """An interval for reading; a dash where there is none."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return "-"
    return f"{low:.{digits}f} to {high:.{digits}f}"


def headlines(found: Sequence[Headline]) -> None:
    """Print a row a property: score, ceiling, strongest control, emergence; then what a control explains."""
    columns = ["property", "layer", "metric", "score", "ceiling", "strongest control", "emerges at step"]
    rows = []
    for of in found:
        control = of.strongest
        rows.append(
            [
                of.name,
                of.layer,
                METRICS[of.metric],
                of.score,
                of.ceiling,
                f"{control.score:.3f} {SOURCES[control.control]}" if control else "-",
                emergence_cell(of),
            ]
        )
    table(columns, rows)
    said: dict[str, list[str]] = {}
    for of in found:
        if of.verdict != "above":
            said.setdefault(verdict_words(of), []).append(of.name)
    for words, names in said.items():
        typer.echo(f"{', '.join(names)}: {words}".replace("\u2212", "-"))


def comparison(rows: Sequence[Compared]) -> None:
    """Print studies side by side."""
    columns = ["property", "metric", "study", "layer", "mean", "95 % interval", "pictures"]
    columns += ["difference", "95 % interval", "prompts shared"]
    shown = []
    for row in rows:
        difference = ["-", "-", "-"]
        if row.difference is not None:
            within = interval(row.difference_low, row.difference_high)
            difference = [f"{row.difference:+.3f}", within, str(row.shared)]
        within = interval(row.low, row.high)
        own = [row.property, METRICS[row.metric], row.study, row.layer, row.mean, within, row.pictures]
        shown.append([*own, *difference])
    table(columns, shown, keys=4)


def quiet_libraries() -> None:
    """Keep the libraries' own bars, hints and warnings off the screen."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    warnings.simplefilter("ignore", FutureWarning)
    for library in ("diffusers", "transformers"):
        if library in sys.modules:  # otherwise it reads the environment when it is first imported
            logging = import_module(f"{library}.utils.logging")
            logging.set_verbosity_error()
            logging.disable_progress_bar()


def listed(text: str | None) -> list[str] | None:
    """A comma-separated option as a list."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def numbers(text: str | None, option: str) -> list[int] | None:
    """A comma-separated option as whole numbers. Raises UnderpaintingError where one is none."""
    parts = listed(text)
    try:
        return None if parts is None else [int(part) for part in parts]
    except ValueError:
        raise UnderpaintingError(f"{option} {text}: give whole numbers with commas between") from None


def given(options: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Options, section to key, without those that were left out."""
    return {
        section: {key: value for key, value in values.items() if value is not None}
        for section, values in options.items()
    }


def _defined(data: object) -> object:
    if isinstance(data, dict):
        return {key: _defined(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_defined(value) for value in data]
    return None if isinstance(data, float) and math.isnan(data) else data


def _parts(widths: Sequence[int], keys: int, room: int) -> list[list[int]]:
    """Numbers of the columns of each table: all in one where there is room."""
    taken = sum(width + GAP for width in widths[:keys])
    parts: list[list[int]] = []
    left = 0
    for i in range(keys, len(widths)):
        if widths[i] > left:
            parts.append([*range(keys)])
            left = room - taken
        parts[-1].append(i)
        left -= widths[i] + GAP
    return parts


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
