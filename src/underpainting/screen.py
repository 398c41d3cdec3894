"""Progress as a person sees it: a bar on a terminal or in a notebook, elsewhere a line now and then."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from html import escape
from importlib import import_module
from logging import ERROR, getLogger
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from underpainting.errors import Stopped, printable
from underpainting.progress import Paced, Progress

SOON, SELDOM = 10.0, 30.0  # seconds from a phase's line to the next one, and between later ones
RARER = 0.05  # of the time that the command has taken, for a log that stays short
PHASE, NUMBERS, BAR, SMALLEST = 20, 42, 40, 8  # columns
OFTEN = 0.2  # seconds between two drawings in a notebook

ANEW = "nothing is kept, the same command begins anew"
SHARDS = "the same command goes on from the last whole shard"
BATCHES = "the same command goes on after the last whole batch"
MISSING = "the same command goes on with the pictures that are missing"


@contextmanager
def progress(after: str = ANEW) -> Iterator[Progress]:
    """Show on stderr what is being done: phase, how many are made of all, share, time left.

    What takes long to import belongs inside, so that something is seen at once. after: what a person who
    stops the command by Ctrl-C is told of it. Raises Stopped then.
    """
    try:
        with drawn_progress() as shown:
            yield shown
    except KeyboardInterrupt:
        raise Stopped(after) from None


def wanted_progress(wanted: bool | Progress) -> AbstractContextManager[Progress]:
    """`drawn_progress`, none, or the caller's own; beside the latter two, libraries say nothing either."""
    if wanted is True:
        return drawn_progress()
    quiet_libraries()
    return nullcontext(wanted or Progress())


@contextmanager
def drawn_progress() -> Iterator[Progress]:
    """As `progress`, for callers of Python, whose Ctrl-C stays what it is; in a notebook below the cell."""
    console, cell = Console(stderr=True), _cell()
    if cell is not None:
        quiet_libraries()
        below = _Cell(cell)
        yield below
        below.end()
    elif not _can_redraw(console):
        quiet_libraries()
        yield Lines()
    else:
        bar = Bar(console)
        with Live(get_renderable=bar.drawn, console=console, transient=True, refresh_per_second=5):
            quiet_libraries()
            yield bar


def quiet_libraries() -> None:
    """Keep the libraries' own bars, hints and warnings off the screen."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    warnings.simplefilter("ignore", FutureWarning)
    getLogger("torch.utils._pytree").setLevel(ERROR)  # which torchao's import warns of its own classes
    for library in ("diffusers", "transformers"):
        if library in sys.modules:  # otherwise it reads the environment when it is first imported
            logging = import_module(f"{library}.utils.logging")
            logging.set_verbosity_error()
            logging.disable_progress_bar()


class Lines(Paced):
    """A line on stderr at the beginning of each phase, and now and then in a long one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: see `Paced`."""
        super().__init__(clock)
        self._started = self._next = clock()

    def phase(self, name: str) -> None:
        """Say what begins."""
        super().phase(name)
        self._say(SOON)

    def advance(self, made: float) -> None:
        """Count on; say so where there was no line for long."""
        super().advance(made)
        if self.clock() >= self._next and self.share != 1:
            self._say(max(SELDOM, RARER * (self.clock() - self._started)))

    def note(self, line: str) -> None:
        """Say it."""
        print(f"underpainting: {printable(line)}", file=sys.stderr, flush=True)  # noqa: T201

    def _say(self, pause: float) -> None:
        count = "" if self.share == 1 else self.count()
        self.note(f"{self.name}: {count}" if count else self.name)
        self._next = self.clock() + pause


class Bar(Paced):
    """One line that is drawn again and again, never wider than the terminal; notes go above it."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        """console: the terminal. clock: see `Paced`."""
        super().__init__(clock)
        self._console = console

    def note(self, line: str) -> None:
        """Say it above."""
        self._console.print(f"underpainting: {printable(line)}", markup=False, highlight=False)

    def drawn(self) -> RenderableType:
        """The line as it is: phase, bar where there is room, numbers."""
        width = self._console.width - 3  # the terminal echoes Ctrl-C
        count = self.count()
        bar = min(BAR, width - PHASE - max(NUMBERS, len(count)) - 2)
        if bar >= SMALLEST:
            shown = ProgressBar(None if self.share is None else 1, self.share or 0, bar)
            cells: list[RenderableType] = [_cut(self.name, PHASE), shown, Text(count)]
        else:
            count = self.count(short=True)
            cells = [_cut(self.name, max(1, width - len(count) - 1)), Text(count)]
        line = Table.grid(*[""] * len(cells), padding=(0, 1))
        line.add_row(*cells)
        return line


class _Cell(Paced):
    """The same in a notebook: HTML below the cell, drawn again; gone when all is made."""

    def __init__(self, display: Callable[..., Any]) -> None:
        """display: IPython's."""
        super().__init__(time.monotonic)
        self._notes: list[str] = []
        self._next = 0.0
        self._handle = display({"text/html": self._html()}, raw=True, display_id=True)

    def phase(self, name: str) -> None:
        super().phase(name)
        self._draw()

    def advance(self, made: float) -> None:
        super().advance(made)
        if self.clock() >= self._next or self.share == 1:
            self._draw()

    def note(self, line: str) -> None:
        self._notes.append(line)
        self._draw()

    def end(self) -> None:
        """Leave the notes alone."""
        self._handle.update({"text/html": self._said()}, raw=True)

    def _draw(self) -> None:
        self._handle.update({"text/html": self._html()}, raw=True)
        self._next = self.clock() + OFTEN

    def _html(self) -> str:
        share = "" if self.share is None else f' value="{self.share:.3f}"'
        words = escape(", ".join(filter(None, (self.name, self.count()))))
        return f"{self._said()}<progress{share}></progress> {words}"

    def _said(self) -> str:
        return "".join(f"<div>{escape(note)}</div>" for note in self._notes)


def _cell() -> Callable[..., Any] | None:
    """What displays below a notebook's cell; None where this is no notebook's kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if getattr(shell, "kernel", None) is None:
        return None
    display: Callable[..., Any] = import_module("IPython.display").display
    return display


def _can_redraw(console: Console) -> bool:
    """Whether a line can be drawn over: on a terminal that is not dumb, and not below a notebook's cell."""
    is_screen = console.is_terminal and not console.is_dumb_terminal
    return sys.stderr.isatty() and is_screen and "JPY_PARENT_PID" not in os.environ


def _cut(name: str, width: int) -> Text:
    """A name in so many columns, its end cut off where it is longer."""
    text = Text(name)
    text.truncate(width, overflow="ellipsis", pad=True)
    return text
