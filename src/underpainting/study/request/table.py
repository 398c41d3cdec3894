"""A table of prompts as it was read, and what its cells must hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral, Number
from textwrap import shorten
from typing import Any

from underpainting.errors import UnderpaintingError, shown
from underpainting.vocabulary import SEEDS

NAMES = {
    "prompt": ("prompts", "prompt"),
    "seed": ("seeds", "seed"),
    "prompt_ind": ("prompt_inds", "prompt_ind"),
}
LONGEST = 20_000  # characters of a prompt
EXACT = 2**53  # from here on a binary float may be another whole number than the one that was written


@dataclass(frozen=True)
class Table:
    """A table: the names of its columns in small letters, its rows, and what to say of how it was read.

    name: of the file. rows: where each stands (`line 3`), and its cells; none where it is no row.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, Sequence[Any]]]
    said: tuple[str, ...] = ()

    @property
    def places(self) -> dict[str, int]:
        """Which columns hold prompt, seed and number. Raises UnderpaintingError as `places_of`."""
        return places_of(self.columns, self.name)


@dataclass(frozen=True)
class Raw:
    """A row as it was read: where it stands, prompt, seed and number where there are any."""

    where: str
    prompt: str
    seed: int | None
    prompt_ind: int | None


def column_names(header: Sequence[Any]) -> tuple[str, ...]:
    """Names of columns as they are compared: in small letters, without quotes and blanks around them."""
    return tuple(str(name).strip().strip('"').lower() for name in header)


def places_of(columns: Sequence[str], name: str) -> dict[str, int]:
    """Which columns hold prompt, seed and number, of those that are there.

    Raises UnderpaintingError where none holds prompts, or two of them hold the same.
    """
    places = {}
    for key, known in NAMES.items():
        having = [place for place, column in enumerate(columns) if column in known]
        if len(having) > 1:
            both = " and ".join(columns[place] for place in having)
            raise UnderpaintingError(f"{name} has {len(having)} columns of {key} ({both}); leave one")
        if having:
            places[key] = having[0]
    if "prompt" not in places:
        named = shorten(", ".join(columns), 80, placeholder=" ...") or "nothing"
        raise UnderpaintingError(
            f"{name} needs columns prompt,seed (or prompt alone, or prompts,seeds,prompt_inds) on its first "
            f"line, with commas between, not {named}"
        )
    return places


def raw_rows(table: Table) -> Iterator[Raw]:
    """The rows of a table, checked. Raises UnderpaintingError naming the first that is none."""
    places = table.places
    for where, cells in table.rows:
        place = f"{table.name} {where}"
        if not cells:
            raise UnderpaintingError(f"{place}: not a row of prompt and seed; quote prompts that hold commas")
        prompt = as_text(cells[places["prompt"]], place, "prompt")
        if not prompt:
            raise UnderpaintingError(f"{place}: the prompt is empty; write one or remove the row")
        numbers = {
            key: _as_whole(cells[places[key]], place, key) if key in places else None
            for key in ("seed", "prompt_ind")
        }
        yield Raw(where, prompt, **numbers)


def as_text(value: Any, place: str, column: str) -> str:
    """A cell as text without blanks around it, empty where there is none; bytes are UTF-8.

    Raises UnderpaintingError, saying the place, where it is anything else, or no text that can be kept.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        try:
            value = bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            raise UnderpaintingError(
                f"{place}: column {column} holds bytes that are not UTF-8; give text"
            ) from None
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UnderpaintingError(
            f"{place}: column {column} holds {type(value).__name__}s, such as {shown(value)}; give text"
        )
    if len(value) > LONGEST:
        raise UnderpaintingError(
            f"{place}: column {column} holds {len(value)} characters; give at most {LONGEST}"
        )
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise UnderpaintingError(
            f"{place}: column {column} holds characters that are no text; correct the row"
        )
    return value.strip()


def whole(value: Any) -> int | None:
    """A cell as a whole number from 0 to 2**63 - 1; None where it is none.

    Texts are digits, which `.0` may follow as in tables that held gaps; floats are whole, and below 2**53.
    """
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if isinstance(value, str):
        digits = value.strip().removesuffix(".0")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 1000):
            return None
        value = int(digits)
    if type(value).__name__ in ("bool", "bool_") or not isinstance(value, Number):
        return None
    try:
        number = int(value)  # type: ignore[call-overload]
    except (ValueError, OverflowError, TypeError):
        return None
    is_exact = isinstance(value, Integral) or number < EXACT
    return number if number == value and 0 <= number < SEEDS and is_exact else None


def _as_whole(value: Any, place: str, column: str) -> int:
    number = whole(value)
    if number is None:
        given = shown("" if value is None else value)
        raise UnderpaintingError(
            f"{place}: {column} {given} is not a whole number from 0 to 2**63 - 1; correct the row"
        )
    return number
