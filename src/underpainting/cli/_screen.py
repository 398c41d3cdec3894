"""What commands put on the screen: tables, JSON, numbers in words, the end of a run."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from underpainting.errors import printable

if TYPE_CHECKING:
    from underpainting.findings.against import Headline
    from underpainting.study.study import StudyFolder

GAP = 2  # columns between those of a table


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], keys: int = 1) -> None:
    """Print a table; numbers stand to the right. A pipe gets it as wide as it needs to be.

    On a terminal that is too narrow its columns follow in several tables, one below the other, each after the
    first `keys` columns, which say what a row is; nothing is cut off.
    """
    columns = [printable(column) for column in columns]
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    room = Console().width if sys.stdout.isatty() else sum(widths) + GAP * len(widths)
    for part in _parts(widths, keys, room):
        shown = Table(box=None, pad_edge=False, header_style="bold")
        for i in part:
            numeric = all(isinstance(row[i], int | float) or row[i] is None for row in rows)
            shown.add_column(columns[i], justify="right" if numeric else "left", no_wrap=True)
        for row in cells:
            shown.add_row(*(row[i] for i in part))
        wide = sum(widths[i] + GAP for i in part)
        Console(width=wide, highlight=False, markup=False).print(shown, soft_wrap=True)


def as_json(data: object) -> None:
    """Print JSON; what is not defined is null."""
    typer.echo(json.dumps(_defined(data), indent=1, ensure_ascii=False))


def rows_as_json(rows: Sequence[Any]) -> None:
    """Print dataclasses as JSON."""
    as_json([asdict(row) for row in rows])


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """An interval for reading; a dash where there is none."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return "-"
    return f"{low:.{digits}f} to {high:.{digits}f}"


def finish(study: StudyFolder, json: bool) -> None:
    """Print a row a property (all scores as JSON), and where the report is (on stderr with JSON)."""
    from underpainting.findings import headlines_of
    from underpainting.study.results import results

    if json:
        rows_as_json(results(study))
    else:
        show_headlines(headlines_of(study))
    typer.echo(f"done: {study.report_file}", err=json)


def show_headlines(headlines: Sequence[Headline]) -> None:
    """Print a row a property: score, ceiling, strongest control, emergence; then what a control explains."""
    from underpainting.controls import sources
    from underpainting.report.verdicts import emergence_cell, verdict_words
    from underpainting.vocabulary import METRICS

    columns = ["property", "layer", "metric", "score", "ceiling", "strongest control", "emerges at step"]
    rows, known = [], sources()
    for line in headlines:
        control = line.strongest
        strongest = f"{control.score:.3f} {known[control.control].title}" if control else "-"
        about = [line.name, line.layer, METRICS[line.metric], line.score, line.ceiling]
        rows.append([*about, strongest, emergence_cell(line)])
    table(columns, rows)
    said: dict[str, list[str]] = {}
    for line in headlines:
        if line.verdict != "above":
            said.setdefault(verdict_words(line), []).append(line.name)
    for words, names in said.items():
        typer.echo(f"{', '.join(names)}: {words}".replace("\u2212", "-"))


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
    return f"{value:.3f}" if isinstance(value, float) else printable(str(value))
