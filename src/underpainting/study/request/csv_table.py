"""A table of prompts from text as people have it: a CSV with stray quotes, commas without quotes, other
encodings; or a prompt a line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import shorten

from underpainting.errors import UnderpaintingError
from underpainting.study.request.table import NAMES, Table, column_names, places_of, whole

LONGEST_RECORD = 50  # lines
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
"""A line with its end. Rows end at CR and LF alone: other separators of lines stand within prompts."""

THOUSANDS = re.compile(r"(?:^|.*,)\d{1,3},\d{3}", re.DOTALL)
"""What ends in a number such as 2,041."""


def read_csv(path: Path) -> Table:
    """A CSV's table: UTF-8, UTF-16 with its mark, or else Windows-1252, which is said.

    A row that is proper CSV is what it says. Of others, in this order: where numbers stand beside the prompt,
    the line cut by commas from both ends around it, whatever quotes it holds; several lines as proper CSV.
    A file `.txt` whose first line names no column of prompts holds one prompt a line, as it stands.
    Raises UnderpaintingError where the file is empty, no text, or has no column of prompts.
    """
    text, encoding = _decode(path)
    lines = LINE.findall(text)
    start = next((i for i, line in enumerate(lines) if line.strip()), None)
    if start is None:
        raise UnderpaintingError(f"{path} is empty; give a CSV with columns prompt,seed")
    try:
        columns = column_names(next(csv.reader([lines[start]])))
    except csv.Error as error:
        raise UnderpaintingError(f"{path} has no columns on its first line ({error})") from None
    about = _about(path, encoding, lines)
    if path.suffix.lower() == ".txt" and not _names_prompts(lines[start]):
        prompts = [(f"line {i}", [line]) for i, line in enumerate(lines, start=1) if line.strip()]
        return Table(str(path), ("prompt",), prompts, about)
    places = places_of(columns, str(path))
    rows = list(_rows(lines, start + 1, places, len(columns)))
    return Table(str(path), columns, rows, about)


def _names_prompts(line: str) -> bool:
    """Whether a first line is one of columns, one of them of prompts, whatever stands between them."""
    return not set(NAMES["prompt"]).isdisjoint(column_names(re.split(r"[,;|\t]", line)))


def _rows(
    lines: Sequence[str], at: int, places: Mapping[str, int], width: int
) -> Iterator[tuple[str, list[str]]]:
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        cells, used = _record(lines, at, places, width)
        yield f"line {at + 1}", cells
        at += used


def _record(lines: Sequence[str], at: int, places: Mapping[str, int], width: int) -> tuple[list[str], int]:
    """Cells of the record that starts at a line, none where it is no row, and how many lines it takes."""
    if proper := _proper(lines[at : at + 1], width):
        return proper, 1
    cut = _cut(lines[at], places, width)
    if cut and len(places) > 1 and _numbers_fit(cut, places):
        return cut, 1
    for used in range(2, min(LONGEST_RECORD, len(lines) - at) + 1):
        joined = _proper(lines[at : at + used], width)
        if joined and _numbers_fit(joined, places):
            return joined, used
    return cut, 1


def _proper(lines: Sequence[str], width: int) -> list[str]:
    """Lines that are one proper record of as many cells."""
    try:
        records = list(csv.reader(lines, strict=True))
    except csv.Error:
        return []
    return records[0] if len(records) == 1 and len(records[0]) == width else []


def _cut(line: str, places: Mapping[str, int], width: int) -> list[str]:
    """A line cut by commas around its prompt; nothing where what stands beside it may be two parts of one
    number.
    """
    before = places["prompt"]
    after = width - 1 - before
    left = line.rstrip("\r\n").split(",", before)
    if len(left) != before + 1:
        return []
    right = left.pop().rsplit(",", after)
    if len(right) != after + 1:
        return []
    prompt, *right = right
    if (left and _is_one_number(left[-1], prompt.partition(",")[0])) or (
        right and _is_one_number(prompt, right[0])
    ):
        return []
    if len(prompt) > 1 and prompt[0] == prompt[-1] == '"':
        prompt = prompt[1:-1]
    elif prompt.count('"') % 2:
        prompt = prompt[1:] if prompt.startswith('"') else prompt.removesuffix('"')
    return [*map(_unquoted, left), prompt.replace('""', '"'), *map(_unquoted, right)]


def _is_one_number(first: str, second: str) -> bool:
    """Whether two neighbours may be one number with a comma for its thousands, such as 2 and 041."""
    return THOUSANDS.fullmatch(f"{first},{second}") is not None


def _unquoted(cell: str) -> str:
    return cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


def _numbers_fit(cells: Sequence[str], places: Mapping[str, int]) -> bool:
    return all(whole(cells[place]) is not None for name, place in places.items() if name != "prompt")


def _about(path: Path, encoding: str, lines: Sequence[str]) -> tuple[str, ...]:
    if encoding != "cp1252":
        return ()
    number, line = next((i, line) for i, line in enumerate(lines, start=1) if not line.isascii())
    return (
        f"{path} is not UTF-8 and is read as Windows-1252; save it as UTF-8 if its prompts are garbled so, "
        f"such as line {number}: {shorten(line, 60, placeholder=' ...')}",
    )


def _decode(path: Path) -> tuple[str, str]:
    """A file's text and its encoding."""
    data = path.read_bytes()
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text, encoding
    raise UnderpaintingError(
        f"{path} is not text in UTF-8, UTF-16 or Windows-1252; give prompts as CSV (UTF-8) or Parquet"
    )
