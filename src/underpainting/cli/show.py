"""What commands put on the screen: tables, JSON, numbers in words."""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from underpainting.errors import UnderpaintingError
from underpainting.findings.compare import Compared
from underpainting.findings.table import READERS
from underpainting.study.results import NAMES, Result

GAP = 2  # columns between those of a table


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], keys: int = 1) -> None:
    """Print a table; numbers stand to the right. A pipe gets it as wide as it needs to be.

    On a terminal that is too narrow its columns follow in several tables, one below the other, each after the
    first `keys` columns, which say what a row is; nothing is cut off.
    """
    console = Console(highlight=False, markup=False)
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    for part in _parts(widths, keys, console.width if sys.stdout.isatty() else sum(widths) + 1000):
        shown = Table(box=None, pad_edge=False, header_style="bold")
        for i in part:
            numeric = all(isinstance(row[i], int | float) or row[i] is None for row in rows)
            shown.add_column(columns[i], justify="right" if numeric else "left", no_wrap=True)
        for row in cells:
            shown.add_row(*(row[i] for i in part))
        console.print(shown, width=sum(widths[i] + GAP for i in part), soft_wrap=True)


def as_json(data: object) -> None:
    """Print JSON; what is not defined is null."""
    typer.echo(json.dumps(_defined(data), indent=1, ensure_ascii=False))


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """An interval for reading; a dash where there is none."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return "-"
    return f"{low:.{digits}f} to {high:.{digits}f}"


def results(found: Sequence[Result], json_wanted: bool) -> None:
    """Print a study's results."""
    if json_wanted:
        as_json([asdict(result) for result in found])
        return
    columns = [
        "property",
        "layer",
        "step",
        "metric",
        "probe",
        "ceiling",
        "position only",
        "shuffled",
        "noisy latents",
        "clean latents",
        "pictures",
        "set aside",
    ]
    table(
        columns,
        [
            [
                r.property,
                r.layer,
                r.step,
                NAMES[r.metric],
                r.probe,
                r.ceiling,
                r.position,
                r.shuffled,
                r.noisy_latents,
                r.clean_latents,
                r.images,
                r.set_aside,
            ]
            for r in found
        ],
        keys=4,
    )


def emergence(rows: Sequence[Mapping[str, Any]], leads: Sequence[Mapping[str, Any]]) -> None:
    """Print an emergence table's rows of best layers, and the leads.

    From which step each property is there, then from which step probe and opponents reach a common bar.
    """
    best = {(row["property"], row["source"], row["criterion"]): row for row in rows if row["layer"] == "best"}
    columns = ["property", "emerges at step", "95 % interval", "draws that reach it"]
    emerged = {key[0]: row for key, row in best.items() if key[1:] == ("probe", "emergence")}
    table(columns, [[name, *_step(row), f"{row['reached']:.0%}"] for name, row in emerged.items()])
    lead = {(row["property"], row["source"]): row for row in leads}
    columns = ["property", "who reads", "at the bar from", "95 % interval", "above the probe from"]
    columns += ["probe ahead by", "95 % interval", "p (Holm)"]
    shown = []
    for name, source, criterion in best:
        if criterion == "bar" and source in READERS:
            above, ahead = best.get((name, source, "overtakes")), lead.get((name, source))
            row = [name, READERS[source], *_step(best[name, source, criterion])]
            row += [_step(above)[0] if above else "-"]
            if ahead:
                within = interval(ahead["low"], ahead["high"], 1)
                row += [f"{ahead['steps']:.1f} steps", within, f"{ahead['p_holm']:.2g}"]
            shown.append(row + ["-"] * (len(columns) - len(row)))
    table(columns, shown, keys=2)


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
        own = [row.property, NAMES[row.metric], row.study, row.layer, row.mean, within, row.pictures]
        shown.append([*own, *difference])
    table(columns, shown, keys=4)


def _step(row: Mapping[str, Any]) -> tuple[Any, str]:
    step, low, high = ("never" if row[key] is None else row[key] for key in ("step", "low", "high"))
    return step, f"{low} to {high}"


def quiet_libraries() -> None:
    """Keep the libraries' own bars, hints and warnings off the screen."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    warnings.simplefilter("ignore", FutureWarning)
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    for logging in (of_diffusers, of_transformers):
        logging.set_verbosity_error()
        logging.disable_progress_bar()


def size(count: int) -> str:
    """Bytes for reading, such as `1.4 GB` (decimal units)."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if value >= 100 or unit == "B" else f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """Time for reading, such as `5 min` or `2 h 10 min`."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def listed(text: str | None) -> list[str] | None:
    """A comma-separated option as a list."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def pair(text: str, option: str, separator: str) -> tuple[float, float]:
    """Two numbers of an option. Raises UnderpaintingError where they are not two numbers."""
    try:
        first, second = map(float, text.split(separator))
    except ValueError:
        raise UnderpaintingError(f"{option} {text!r} is not two numbers with {separator!r} between") from None
    return first, second


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
