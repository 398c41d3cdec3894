"""How a run tells what it is doing."""

from __future__ import annotations

from collections.abc import Callable

ROUNDING = 1e-6  # of a picture: a step's part of one is no binary fraction


def duration(seconds: float) -> str:
    """Time for reading, such as `5 min` or `2 h 10 min`."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class Progress:
    """Silent progress; a command line gives one that is seen."""

    def start(self, total: float, done: float = 0, unit: str = "pictures") -> None:
        """What is counted: how many in all, and how many are made already. A phase begins after it."""

    def phase(self, name: str) -> None:
        """What begins, in a few plain words."""

    def advance(self, made: float) -> None:
        """So many more, or parts of one, are made."""

    def note(self, line: str) -> None:
        """A line worth reading."""


class Paced(Progress):
    """Progress that keeps its phase, and tells how long the rest takes at the pace of this phase alone.

    clock: seconds from any beginning. What was made before the phase, and the time until it began, say
    nothing about its pace. Pictures that are made twice, as others of their batch were unsound, count once.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Nothing is counted yet: what is needed is being loaded."""
        self.clock, self.name = clock, "loading"
        self.start(0, 0, "")

    def start(self, total: float, done: float = 0, unit: str = "pictures") -> None:
        """Count anew."""
        self._total, self._made, self._before, self._unit = total, done, done, unit
        self._begun = self._last = self.clock()

    def phase(self, name: str) -> None:
        """Begin a phase, whose pace is not known until something of it is made."""
        self.name, self._before = name, self._made
        self._begun = self._last = self.clock()

    def advance(self, made: float) -> None:
        """Count on."""
        made += self._made
        self._made = made if self._total - made > ROUNDING else self._total
        self._last = self.clock()

    @property
    def share(self) -> float | None:
        """Share made, 0 to 1; None where it is not known how many there will be."""
        return self._made / self._total if self._total else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the rest takes; None where nothing of the phase is made yet, or nothing is left."""
        made, left = self._made - self._before, self._total - self._made
        if not (made and left):
            return None
        each = (self._last - self._begun) / made
        return max(0.0, each * left - (self.clock() - self._last))

    def count(self, *, short: bool = False) -> str:
        """Number, share, time left, as `12 of 24 pictures, 50 %, 3 min left`; empty where there is no total.

        short: as `12/24 50 % 3 min left`. One single picture has a share alone.
        """
        if self.share is None:
            return ""
        made, total, seconds = f"{int(self._made + ROUNDING)}", f"{self._total:.0f}", self.seconds_left
        number = f"{made:>{len(total)}}/{total}" if short else f"{made} of {total} {self._unit}"
        rest = "" if seconds is None else f"{duration(seconds)} left"
        parts = [number if self._total > 1 else "", f"{100 * self.share:.0f} %", rest]
        return (" " if short else ", ").join(filter(None, parts))
