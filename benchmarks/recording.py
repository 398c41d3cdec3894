"""A recording of a command at a terminal, as asciinema plays it.

`python -m benchmarks.recording docs/demo.cast underpainting demo`: the command runs in a fresh folder, and
what it draws is kept, of redrawn lines one every two seconds.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

COLUMNS, ROWS, EVERY = 120, 30, 2.0
Frame = tuple[float, str]


def record(command: Sequence[str], folder: Path) -> Iterator[Frame]:
    """What a command writes to a terminal, and how many seconds after it was typed."""
    child, screen = pty.fork()
    if child == 0:
        os.chdir(folder)
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        os.execvpe(command[0], command, {**environment, "TERM": "xterm-256color"})
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    begun = time.monotonic()
    yield 0.0, f"$ {' '.join(command)}\r\n"
    try:
        while block := os.read(screen, 65536):
            yield time.monotonic() - begun, block.decode(errors="replace")
    except OSError:  # the command has left the terminal
        pass
    os.waitpid(child, 0)


def thinned(frames: Sequence[Frame]) -> list[Frame]:
    """Without lines that are drawn over less than `EVERY` seconds later, or by the same."""
    kept: list[Frame] = []
    redrawn = "\r\x1b[2K"
    for at, text in frames:
        if kept and text == kept[-1][1] and text.startswith(redrawn):
            continue
        if kept and text.startswith(redrawn) and kept[-1][1].startswith(redrawn) and "\n" not in kept[-1][1]:
            since = kept[-2][0] if len(kept) > 1 else 0.0
            if at - since < EVERY:
                kept.pop()
        kept.append((at, text))
    return kept


def main() -> None:
    """Record the command on the command line."""
    out, *command = sys.argv[1:]
    begun = int(time.time())
    with TemporaryDirectory() as folder:
        frames = thinned(list(record(command, Path(folder))))
    header = {"version": 2, "width": COLUMNS, "height": ROWS, "timestamp": begun, "idle_time_limit": 2.0}
    lines = [header, *([round(at, 2), "o", text] for at, text in frames)]
    Path(out).write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
