"""What a person, not a bug, causes: a mistake in what is asked for, or a stop."""

from __future__ import annotations

import errno
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from numbers import Integral, Real
from textwrap import shorten
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

LONGEST = 300  # characters of another library's sentence
LINE = 1000  # characters of a whole line
TAKEN = "something else is in its place; move it away"
REFUSALS = {
    errno.ENOSPC: "no space left on the disk; free some",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.EACCES: "no permission to write there; change it or choose another folder",
    errno.EPERM: "no permission to write there; change it or choose another folder",
    errno.EIO: "the disk reports an error; choose another one",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EINVAL: "the name is none that the disk takes; choose another one",
    **dict.fromkeys((errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ELOOP), TAKEN),
}
"""What a disk refuses, by the system's number."""


def one_line(message: str) -> str:
    """A message as one line of bounded length, in which nothing steers a terminal.

    Words that no line has room for are cut in their middle, and so is what is longer than a line.
    """
    line = " ".join(
        word if len(word) <= LONGEST else f"{word[: LONGEST // 2]}...{word[-LONGEST // 4 :]}"
        for word in message.split()
    )
    if len(line) > LINE:
        line = f"{line[: LINE // 2]} ... {line[-LINE // 3 :]}"
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in line)


class UnderpaintingError(Exception):
    """A mistake in what was asked for: one line saying what is wrong, where, and what to do.

    The command line prints the line and exits with code 2; a bug keeps its traceback.
    """

    def __init__(self, message: str) -> None:
        """Keep the message as one line of bounded length, whatever names and reasons it quotes."""
        super().__init__(one_line(message))


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


WANTED = {
    "greater_than_equal": "give {ge} or more",
    "greater_than": "give more than {gt}",
    "less_than_equal": "give {le} or less",
    "less_than": "give less than {lt}",
    "finite_number": "give a finite number",
    "literal_error": "give {expected}",
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "give a whole number"),
    **dict.fromkeys(("float_parsing", "float_type"), "give a number"),
}
"""What to give in place of a value that pydantic refuses, by the kind of its fault."""


def first_fault(error: ValidationError) -> str:
    """The first fault of settings that a pydantic class refuses: the setting, its value, what to give."""
    fault = error.errors()[0]
    place = " ".join(map(str, fault["loc"]))
    given = f" = {shown(fault['input'])}" if place else ""
    return f"{place}{given}: {wanted(fault)}".removeprefix(": ")


def wanted(fault: ErrorDetails) -> str:
    """What to give in place of a value that pydantic refuses, or what it says of it where that is not known.

    Of names the one that is meant is guessed.
    """
    kind, value = fault["type"], fault["input"]
    if kind not in WANTED:
        said = fault["msg"].removeprefix("Value error, ")
        return said[:1].lower() + said[1:]
    limits = {name: f"{of:g}" if isinstance(of, float) else of for name, of in fault.get("ctx", {}).items()}
    words = WANTED[kind].format_map(limits)
    if kind != "literal_error":
        return words
    names = re.findall(r"'([^']*)'", words)
    meant = suggested(value, names) if isinstance(value, str) else ""
    return "; ".join(filter(None, (words.replace("'", ""), meant)))


def suggested(name: str, known: Collection[str]) -> str:
    """Which of the known names another may stand for, as a question; empty where none is near."""
    near = nearest(name, known)
    return f"did you mean {near[0]!r}?" if near else ""


def nearest(name: str, known: Collection[str]) -> list[str]:
    """Up to three of the known names that another may stand for, the likeliest first."""
    return get_close_matches(name, known, cutoff=0.5)


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


def refusal(error: BaseException) -> str | None:
    """Why a disk refused, and what to do; None where an error says nothing of the kind.

    Some libraries keep the system's number to themselves, but for their message.
    """
    said = re.search(r"(?:os error |errno )(\d+)", str(error), re.IGNORECASE)
    number = getattr(error, "errno", None) or (int(said[1]) if said else None)
    return REFUSALS.get(number) if number is not None else None


class Stopped(Exception):
    """A person stopped a command; the message says what becomes of what was made."""
