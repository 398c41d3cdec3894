"""Prompts and seeds from CSV, text or Parquet, as people really have them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from underpainting import stilllife
from underpainting.errors import UnderpaintingError
from underpainting.study.request.csv_table import read_csv
from underpainting.study.request.table import NAMES, Raw, Table, as_text, column_names, raw_rows

KNOWN = frozenset(name for names in NAMES.values() for name in names)


@dataclass(frozen=True)
class PromptRow:
    """One picture to make: prompt, seed of its noise, and the number of its prompt.

    where: what it was read from, such as `prompts.csv line 3`; empty where that is not known any more.
    split_as: the prompt by which it is split, where that stands for several that are one to the model.
    """

    prompt: str
    seed: int
    prompt_ind: int
    where: str = field(default="", compare=False, repr=False)
    split_as: str = field(default="", compare=False, repr=False)

    @property
    def image(self) -> str:
        """Name of the picture, as published: `prompt_{prompt_ind}_seed_{seed}`."""
        return f"prompt_{self.prompt_ind}_seed_{self.seed}"


def read_prompts(file: str, limit: int | None = None, *, after: Sequence[PromptRow] = ()) -> list[PromptRow]:
    """Read prompts and seeds from a CSV or Parquet file, or prompts from a `.txt` of one a line: the first
    `limit` rows; "stilllife" is the bundled list. after: pictures of another file, whose numbers of prompts
    go on and which may not come again.

    Columns are `prompts,seeds,prompt_inds` as published or `prompt,seed`; other columns are left alone.
    Without seeds, rows are given 0, 1, ... in their order, and those of a second file the next numbers. A CSV
    may be UTF-8, UTF-16 or Windows-1252, and may hold stray quotes. Raises UnderpaintingError naming the line
    of a bad row.
    """
    table = _read_table(file)
    rows = list(raw_rows(table))
    if not rows:
        raise UnderpaintingError(f"{table.name} holds no prompts; add a row of prompt below the column names")
    return numbered(rows[:limit], table.name, after)


def about_prompts(file: str) -> list[str]:
    """What to say of how a file of prompts was read, a line each: an encoding that is a guess, no seeds.

    Raises UnderpaintingError as `read_prompts` does.
    """
    table = _read_table(file)
    given = (
        ()
        if "seed" in table.places
        else (f"{file} has no seeds: its rows are given 0, 1, ... in their order",)
    )
    return [*table.said, *given]


def read_column(file: str, name: str) -> list[str] | None:
    """Another column of a file of prompts, as text row by row; None where the file has no such column.

    Raises UnderpaintingError as `read_prompts`.
    """
    table = _read_table(file, [name])
    if name not in table.columns:
        return None
    at = table.columns.index(name)
    return [as_text(cells[at] if cells else None, f"{file} {where}", name) for where, cells in table.rows]


def numbered(rows: Iterable[Raw], name: str, after: Sequence[PromptRow]) -> list[PromptRow]:
    """Number prompts and give seeds. Raises UnderpaintingError where a picture is twice."""
    numbers = {row.prompt: row.prompt_ind for row in after}
    seen = {row.image: "in the other file" for row in after}
    first = max(numbers.values(), default=-1) + 1 - len(numbers)
    result = []
    for at, raw in enumerate(rows, start=len(after)):
        number, seed = raw.prompt_ind, at if raw.seed is None else raw.seed
        if number is None:
            number = numbers.setdefault(raw.prompt, first + len(numbers))
        row = PromptRow(raw.prompt, seed, number, f"{name} {raw.where}")
        if row.image in seen:
            raise UnderpaintingError(
                f"{row.where}: picture {row.image} is already {seen[row.image]}; "
                "give every row its own pair of prompt and seed"
            )
        seen[row.image] = f"on {raw.where}"
        result.append(row)
    return result


def prompt_numbers(rows: Sequence[PromptRow]) -> NDArray[np.int64]:
    """The number of each picture's prompt; pictures of no prompt are each on their own."""
    return np.unique([row.prompt or row.image for row in rows], return_inverse=True)[1]


def _read_table(file: str, more: Collection[str] = ()) -> Table:
    """The table of a file. more: columns to read beside those of prompts, seeds and numbers."""
    path = stilllife.folder() / "prompts.csv" if file == "stilllife" else Path(file)
    if not path.is_file():
        raise UnderpaintingError(
            f"no prompts at {path}; give a CSV or Parquet file with columns prompt,seed, or a .txt of one "
            "prompt a line"
        )
    with path.open("rb") as opened:
        is_parquet = opened.read(4) == b"PAR1"
    return _read_parquet(path, KNOWN.union(more)) if is_parquet else read_csv(path)


def _read_parquet(path: Path, wanted: Collection[str]) -> Table:
    try:
        read = pq.read_table(path.absolute())
        columns = column_names(read.column_names)
        cells = [
            column.to_pylist() if name in wanted else [None] * len(column)
            for name, column in zip(columns, read.columns, strict=True)
        ]
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UnderpaintingError(
            f"{path} is not a readable Parquet file ({str(error).splitlines()[0]})"
        ) from None
    rows = [(f"row {i}", row) for i, row in enumerate(zip(*cells, strict=True), start=1)]
    return Table(str(path), columns, rows)
