"""How a run tells what it is doing."""

from __future__ import annotations


class Progress:
    """Silent progress; a command line gives one that draws. Units are pictures."""

    def start(self, total: float, done: float) -> None:
        """The whole run: pictures in all, and how many are made already."""

    def phase(self, name: str) -> None:
        """What begins now."""

    def advance(self, pictures: float) -> None:
        """Pictures, or parts of one, made."""

    def note(self, line: str) -> None:
        """A line worth reading."""
