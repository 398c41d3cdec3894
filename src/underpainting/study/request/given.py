"""Prompts and seeds given in Python: a file, a list, a DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from underpainting.errors import UnderpaintingError
from underpainting.study.request.prompts import PromptRow, Raw, checked_row, numbered, places_of, read_prompts

GIVEN = "given in Python"
"""What a config says of prompts that come from no file."""

Prompts = Any
"""A file's name; prompts, or pairs of prompt and seed; a DataFrame of the columns that a file may have."""


def named(prompts: Prompts) -> str:
    """What a config says of where prompts are from."""
    return str(prompts) if isinstance(prompts, str | Path) else GIVEN


def given_rows(
    prompts: Prompts, limit: int | None = None, *, after: Sequence[PromptRow] = ()
) -> list[PromptRow]:
    """Rows of prompts however they are given, numbered and checked as those of a file are.

    Prompts without seeds are given 0, 1, ... in their order. limit, after: as in `read_prompts`. Raises
    UnderpaintingError naming the row that is none.
    """
    if isinstance(prompts, str | Path):
        return read_prompts(str(prompts), limit, after=after)
    if hasattr(prompts, "columns"):
        raws = _of_frame(prompts)
    elif isinstance(prompts, Iterable):
        raws = [_of_entry(entry, f"row {i}") for i, entry in enumerate(prompts, start=1)]
    else:
        raise UnderpaintingError(
            f"prompts are a {type(prompts).__name__}: give a file, a list of prompts or of (prompt, seed), "
            "or a DataFrame"
        )
    if not raws:
        raise UnderpaintingError("prompts hold no row; give one or more")
    return numbered(raws[:limit], "prompts", after)


def _of_frame(frame: Any) -> list[Raw]:
    places = places_of([str(name) for name in frame.columns], "the DataFrame")
    values = {name: frame.iloc[:, place].tolist() for name, place in places.items()}
    rows = (dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True))
    return [
        checked_row({name: _text(value) for name, value in row.items()}, "prompts", f"row {i}")
        for i, row in enumerate(rows, start=1)
    ]


def _of_entry(entry: Any, where: str) -> Raw:
    if isinstance(entry, str):
        return checked_row({"prompt": entry}, "prompts", where)
    try:
        prompt, seed = entry
    except (TypeError, ValueError):
        raise UnderpaintingError(f"prompts {where}: {entry!r} is no prompt and no (prompt, seed)") from None
    return checked_row({"prompt": _text(prompt), "seed": _text(seed)}, "prompts", where)


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)
