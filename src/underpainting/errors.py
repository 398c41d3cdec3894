"""What a person, not a bug, causes: a mistake in what is asked for, or a stop."""

import re
from collections.abc import Mapping
from textwrap import shorten

LONGEST = 300  # characters of another library's sentence


class UnderpaintingError(Exception):
    """A mistake in what was asked for: one line saying what is wrong, where, and what to do.

    The command line prints the line and exits with code 2; a bug keeps its traceback.
    """

    def __init__(self, message: str) -> None:
        """Keep the message as one line, whatever names and reasons it quotes."""
        super().__init__(" ".join(printable(message).split()))


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


def reason(error: BaseException) -> str:
    """What an error of another library says, to stand inside a line: its kind and its first sentence.

    What follows the first sentence is advice for that library's callers, and theirs to follow.
    """
    first = re.split(r"(?<=[.!?])\s+(?=[A-Z])", " ".join(str(error).split()), maxsplit=1)[0]
    return f"{type(error).__name__}: {shorten(first.rstrip('.'), LONGEST, placeholder=' ...')}".rstrip(": ")


class Stopped(Exception):
    """A person stopped a command; the message says what becomes of what was made."""
