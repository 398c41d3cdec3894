"""What a person, not a bug, causes: a mistake in what is asked for, or a stop."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from textwrap import shorten
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

LONGEST = 300  # characters of another library's sentence


def one_line(message: str) -> str:
    """A message without line ends, words that no line has room for cut in their middle."""
    return " ".join(
        word if len(word) <= LONGEST else f"{word[: LONGEST // 2]}...{word[-LONGEST // 4 :]}"
        for word in message.split()
    )


class UnderpaintingError(Exception):
    """A mistake in what was asked for: one line saying what is wrong, where, and what to do.

    The command line prints the line and exits with code 2; a bug keeps its traceback.
    """

    def __init__(self, message: str) -> None:
        """Keep the message as one line, whatever names and reasons it quotes."""
        super().__init__(one_line(printable(message)))


class UnsoundPictures(UnderpaintingError):
    """Some pictures of a batch cannot be used; the others can, made again without them."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        """Reasons by the pictures' places in the batch, from 0."""
        place, reason = next(iter(reasons.items()))
        more = f" (and {len(reasons) - 1} more pictures)" if len(reasons) > 1 else ""
        super().__init__(f"picture {place + 1} of the batch: {reason}{more}")
        self.reasons = dict(reasons)


def printable(text: str) -> str:
    """A text without what would steer a terminal: control characters, and those that turn reading around."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def shown(value: Any) -> str:
    """A value as a line quotes it: not longer than 60 characters, whatever it is."""
    try:
        return shorten(repr(value), 60, placeholder=" ...") if not isinstance(value, str) else _quoted(value)
    except ValueError:  # of whole numbers beyond Python's limit of digits
        return f"a {type(value).__name__} of too many digits"


def _quoted(text: str) -> str:
    quoted = repr(text)
    return quoted if len(quoted) <= 60 else f"{quoted[:55]} ..."


def require_number(name: str, value: Any, low: float, high: float, *, whole: bool) -> None:
    """Raise UnderpaintingError where a value is no number from low to high, or not a whole one."""
    kind: Any = Integral if whole else Real
    if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
        raise UnderpaintingError(
            f"{name} is {shown(value)}: give {'a whole number' if whole else 'a number'} from {low} to {high}"
        )


def first_fault(error: ValidationError) -> str:
    """The first fault of settings that a pydantic class refuses: the setting, its value, what is wrong."""
    fault = error.errors()[0]
    place = " ".join(map(str, fault["loc"]))
    given = f" = {shown(fault['input'])}" if place else ""
    return f"{place}{given}: {fault['msg'].removeprefix('Value error, ')}".removeprefix(": ")


@contextmanager
def paths_in_one_line() -> Iterator[None]:
    """Raise UnderpaintingError where a path cannot be used as it is: too long, no folder, not permitted."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise
        raise UnderpaintingError(
            f"{error.filename}: {error.strerror}; give another path, or make this one usable"
        ) from error


def reason(error: BaseException) -> str:
    """What an error of another library says, to stand inside a line: its kind and its first sentence.

    What follows the first sentence is advice for that library's callers, and theirs to follow.
    """
    first = re.split(r"(?<=[.!?])\s+(?=[A-Z])", " ".join(str(error).split()), maxsplit=1)[0]
    return f"{type(error).__name__}: {shorten(first.rstrip('.'), LONGEST, placeholder=' ...')}".rstrip(": ")


class Stopped(Exception):
    """A person stopped a command; the message says what becomes of what was made."""
