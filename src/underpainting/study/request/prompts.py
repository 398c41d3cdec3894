"""Prompts and seeds from CSV or Parquet, as people really have them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from underpainting import stilllife
from underpainting.errors import UnderpaintingError

NAMES = {
    "prompt": ("prompts", "prompt"),
    "seed": ("seeds", "seed"),
    "prompt_ind": ("prompt_inds", "prompt_ind"),
}
LONGEST_RECORD = 50


@dataclass(frozen=True)
class PromptRow:
    """One picture to make: prompt, seed of its noise, and the number of its prompt."""

    prompt: str
    seed: int
    prompt_ind: int

    @property
    def image(self) -> str:
        """Name of the picture, as published: `prompt_{prompt_ind}_seed_{seed}`."""
        return f"prompt_{self.prompt_ind}_seed_{self.seed}"


def read_prompts(file: str, limit: int | None = None, *, after: Sequence[PromptRow] = ()) -> list[PromptRow]:
    """Read prompts and seeds from a CSV or Parquet file, the first `limit` rows; "stilllife" is the bundled
    list. after: pictures of another file, whose numbers of prompts go on and which may not come again.

    Columns are `prompts,seeds,prompt_inds` as published or `prompt,seed`; other columns are left alone.
    Without seeds, rows are given 0, 1, ... in their order, and those of a second file the next numbers. A CSV
    may be UTF-8, UTF-16 or ISO-8859-1, and may hold stray quotes. Raises UnderpaintingError naming the line
    of a bad row.
    """
    path = _path(file)
    rows = list(_parquet(path) if _is_parquet(path) else _csv(path))
    if not rows:
        raise UnderpaintingError(f"{path} holds no prompts; add a row of prompt below the column names")
    return numbered(rows[:limit], path, after)


def about_seeds(file: str) -> str:
    """What to say of a file of prompts that has no seeds; empty where it has.

    Raises UnderpaintingError as `read_prompts` does.
    """
    path = _path(file)
    columns = places_of(_parquet_table(path).column_names if _is_parquet(path) else _csv_start(path)[2], path)
    return "" if "seed" in columns else f"{file} has no seeds: its rows are given 0, 1, ... in their order"


def _path(file: str) -> Path:
    path = stilllife.folder() / "prompts.csv" if file == "stilllife" else Path(file)
    if not path.is_file():
        raise UnderpaintingError(f"no prompts at {path}; give a CSV or Parquet file with columns prompt,seed")
    return path


def read_column(file: str, name: str) -> list[str] | None:
    """Another column of a file of prompts, as text row by row; None where the file has no such column.

    A CSV is read strictly: what holds commas is quoted. Raises UnderpaintingError as `read_prompts`.
    """
    if file == "stilllife":
        return None
    path = _path(file)
    if _is_parquet(path):
        table = _parquet_table(path)
        at = [column.strip().lower() for column in table.column_names]
        values = table.column(at.index(name)).to_pylist() if name in at else None
        return None if values is None else ["" if value is None else str(value) for value in values]
    header, *records = csv.reader(line for line in _decode(path).splitlines() if line.strip())
    at = [column.strip().strip('"').lower() for column in header]
    if name not in at:
        return None
    return [record[at.index(name)] if len(record) > at.index(name) else "" for record in records]


@dataclass(frozen=True)
class Raw:
    """A row as it was read: where it stands, prompt, seed and number where there are any."""

    where: str
    prompt: str
    seed: int | None
    prompt_ind: int | None


def numbered(rows: Sequence[Raw], name: str | Path, after: Sequence[PromptRow]) -> list[PromptRow]:
    """Number prompts and give seeds. Raises UnderpaintingError where a picture is twice."""
    numbers = {row.prompt: row.prompt_ind for row in after}
    seen = {row.image: "in the other file" for row in after}
    first = max(numbers.values(), default=-1) + 1 - len(numbers)
    result = []
    for at, raw in enumerate(rows, start=len(after)):
        number, seed = raw.prompt_ind, at if raw.seed is None else raw.seed
        if number is None:
            number = numbers.setdefault(raw.prompt, first + len(numbers))
        row = PromptRow(raw.prompt, seed, number)
        if row.image in seen:
            raise UnderpaintingError(
                f"{name} {raw.where}: picture {row.image} is already {seen[row.image]}; "
                "give every row its own pair of prompt and seed"
            )
        seen[row.image] = f"on {raw.where}"
        result.append(row)
    return result


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _parquet_table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise UnderpaintingError(
            f"{path} is not a readable Parquet file ({str(error).splitlines()[0]})"
        ) from None


def _parquet(path: Path) -> Iterator[Raw]:
    table = _parquet_table(path)
    columns = places_of(table.column_names, path)
    values = {name: table.column(place).to_pylist() for name, place in columns.items()}
    for i in range(table.num_rows):
        fields = {name: "" if column[i] is None else str(column[i]) for name, column in values.items()}
        yield checked_row(fields, path, f"row {i + 1}")


def _csv_start(path: Path) -> tuple[list[str], int, list[str]]:
    """A file's lines, which of them names the columns, and the columns."""
    lines = _decode(path).splitlines(keepends=True)
    start = next((i for i, line in enumerate(lines) if line.strip()), None)
    if start is None:
        raise UnderpaintingError(f"{path} is empty; give a CSV with columns prompt,seed")
    return lines, start, next(csv.reader([lines[start]]))


def _csv(path: Path) -> Iterator[Raw]:
    lines, start, header = _csv_start(path)
    columns = places_of(header, path)
    at = start + 1
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        fields, used = _record(lines, at, columns, len(header))
        yield checked_row(fields, path, f"line {at + 1}")
        at += used


def _record(lines: list[str], at: int, columns: dict[str, int], width: int) -> tuple[dict[str, str], int]:
    """Fields of the record that starts at a line, and how many lines it takes.

    In this order: the line as proper CSV; where numbers stand beside the prompt, the line cut by commas from
    both ends around it, whatever quotes it holds; several lines as proper CSV. What is none of these is given
    back as far as it can be told.
    """
    whole = _strict(lines[at], columns, width)
    if whole and _numbers_fit(whole):
        return whole, 1
    cut = _cut(lines[at], columns, width)
    if cut and len(columns) > 1 and _numbers_fit(cut):
        return cut, 1
    for used in range(2, min(LONGEST_RECORD, len(lines) - at) + 1):
        joined = _strict("".join(lines[at : at + used]), columns, width)
        if joined and _numbers_fit(joined):
            return joined, used
    return whole or cut or {}, 1


def _strict(text: str, columns: dict[str, int], width: int) -> dict[str, str] | None:
    try:
        records = list(csv.reader(text.splitlines(keepends=True), strict=True))
    except csv.Error:
        return None
    if len(records) != 1 or len(records[0]) != width:
        return None
    return {name: records[0][place] for name, place in columns.items()}


def _cut(line: str, columns: dict[str, int], width: int) -> dict[str, str] | None:
    before = columns["prompt"]
    after = width - 1 - before
    left = line.rstrip("\r\n").split(",", before)
    if len(left) != before + 1:
        return None
    right = left.pop().rsplit(",", after)
    if len(right) != after + 1:
        return None
    fields = [*left, *right]
    prompt = fields[before]
    if len(prompt) > 1 and prompt[0] == prompt[-1] == '"':
        prompt = prompt[1:-1]
    elif prompt.count('"') % 2:
        prompt = prompt[1:] if prompt.startswith('"') else prompt.removesuffix('"')
    fields[before] = prompt.replace('""', '"')
    return {
        name: fields[place].strip('"') if name != "prompt" else fields[place]
        for name, place in columns.items()
    }


def _numbers_fit(fields: dict[str, str]) -> bool:
    return all(_whole(value) is not None for name, value in fields.items() if name != "prompt")


def places_of(header: Sequence[str], name: str | Path) -> dict[str, int]:
    """Which columns hold prompt, seed, number. Raises UnderpaintingError where none holds prompts."""
    names = [column.strip().strip('"').lower() for column in header]
    found = {
        key: next((names.index(column) for column in known if column in names), None)
        for key, known in NAMES.items()
    }
    if found["prompt"] is None:
        shown = shorten(", ".join(names), 80, placeholder=" ...") or "nothing"
        raise UnderpaintingError(
            f"{name} needs columns prompt,seed (or prompt alone, or prompts,seeds,prompt_inds) on its first "
            f"line, not {shown}"
        )
    return {key: place for key, place in found.items() if place is not None}


def checked_row(fields: dict[str, str], path: str | Path, where: str) -> Raw:
    """A row of texts by what they are. Raises UnderpaintingError where it is none."""
    if not fields:
        raise UnderpaintingError(
            f"{path} {where}: not a row of prompt and seed; quote prompts that hold commas"
        )
    prompt = fields["prompt"].strip()
    if not prompt:
        raise UnderpaintingError(f"{path} {where}: the prompt is empty; write one or remove the row")
    for name in ("seed", "prompt_ind"):
        if name in fields and _whole(fields[name]) is None:
            raise UnderpaintingError(
                f"{path} {where}: {name} {fields[name]!r} is not a whole number from 0; correct the row"
            )
    seed, number = (_whole(fields[name]) if name in fields else None for name in ("seed", "prompt_ind"))
    return Raw(where, prompt, seed, number)


def _whole(text: str) -> int | None:
    digits = text.strip().removesuffix(".0")
    if not (digits.isascii() and digits.isdigit()):
        return None
    value = int(digits)
    return value if value < 2**63 else None


def _decode(path: Path) -> str:
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif any(0x80 <= byte <= 0x9F for byte in data):
        encodings = ["utf-8-sig", "cp1252", "iso-8859-1"]
    else:
        encodings = ["utf-8-sig", "iso-8859-1"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise UnderpaintingError(f"{path} is not text; give prompts as CSV (UTF-8) or Parquet")


def prompt_numbers(rows: Sequence[PromptRow]) -> NDArray[np.int64]:
    """The number of each picture's prompt; pictures of no prompt are each on their own."""
    return np.unique([row.prompt or row.image for row in rows], return_inverse=True)[1]
