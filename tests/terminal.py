"""A person at a terminal: commands typed one after the other, Ctrl-C at a given moment, and what was seen.

`python -m tests.terminal STEPS` is the other side: it runs the steps in one process, as importing takes long.
"""

import fcntl
import json
import multiprocessing
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

END, BELL, CTRL_C = "\x1e", b"\a", b"\x03"


@dataclass(frozen=True)
class Step:
    """A command; at which picture batch decoded Ctrl-C is pressed (0: never); the terminal it runs in.

    slowly: there is a file `slow` meanwhile, on seeing which an estimator may ring the bell and wait.
    """

    arguments: Sequence[str]
    stop_at: int = 0
    columns: int = 100
    environment: Mapping[str, str] = field(default_factory=dict)
    slowly: bool = False


@dataclass(frozen=True)
class Seen:
    """All that was written to a terminal of so many columns, and the exit code."""

    written: str
    columns: int
    code: int

    @property
    def screen(self) -> list[str]:
        """The lines that are there in the end, from the first that was ever written."""
        lines, row, column = [""], 0, 0
        for sign, code, text in re.findall(r"\x1b\[([?\d;]*)([A-Za-z])|(.)", self.written, re.DOTALL):
            if code == "K":
                lines[row] = "" if sign == "2" else lines[row][:column]
            elif code == "A":
                row = max(0, row - int(sign or 1))
            elif code:
                assert code in "mhl", f"a control that is not known here: {sign}{code}"
            elif text == "\r":
                column = 0
            elif text == "\n" or column == self.columns:
                row, column = row + 1, 0 if text != "\n" else column
                lines += [""] * (row + 1 - len(lines))
            if text and text >= " ":
                lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + 1 :]
                column += 1
        return [line.rstrip() for line in lines]

    @property
    def drawn(self) -> list[str]:
        """Every line that was ever drawn, without colours and what else moves and clears."""
        plain = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", self.written)
        return [line for line in re.split(r"[\r\n]+", plain) if line.strip()]


def at_terminal(steps: Sequence[Step], folder: Path) -> list[Seen]:
    """Carry steps out in a folder, at a pseudo-terminal; the last one ends the process."""
    screen, terminal = pty.openpty()
    source = Path(__file__).parents[1]
    paths = os.pathsep.join([str(source), str(source / "src")])
    hidden = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "JPY_PARENT_PID"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"TERM": "xterm-256color", "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.terminal", json.dumps([asdict(step) for step in steps])],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=folder,
        env=environment,
        start_new_session=True,
    )
    os.close(terminal)
    written = b""
    try:
        while block := os.read(screen, 65536):
            written += block
            if BELL in block:
                os.write(screen, CTRL_C)
    except OSError:  # the child has left the terminal
        pass
    os.close(screen)
    code = child.wait()
    *parts, last = written.decode().replace("\a", "").split(END)
    texts, codes = [*parts[::2], last], [*map(int, parts[1::2]), code]
    assert len(texts) == len(steps), last
    return [Seen(text, step.columns, code) for text, step, code in zip(texts, steps, codes, strict=True)]


def _carry_out(steps: Sequence[Step]) -> None:
    from underpainting.cli import main
    from underpainting.diffusion import Model

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
    decode, left = Model.decode, [0]

    def waiting(self: Model, latents: object) -> object:
        left[0] -= 1
        if left[0] == 0:
            os.write(1, BELL)
            time.sleep(60)
        return decode(self, latents)  # type: ignore[arg-type]

    Model.decode = waiting  # type: ignore[method-assign, assignment]
    usual, slow = dict(os.environ), Path("slow")
    for number, step in enumerate(steps, start=1):
        os.environ.clear()
        os.environ.update({**usual, **step.environment})
        left[0] = step.stop_at
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 30, step.columns, 0, 0))
        if step.slowly:
            slow.touch()
        try:
            main(step.arguments)
        except SystemExit as gone:
            slow.unlink(missing_ok=True)
            assert not multiprocessing.active_children()
            if number == len(steps):
                raise
            sys.stdout.write(f"{END}{gone.code}{END}")
            sys.stdout.flush()


if __name__ == "__main__":
    _carry_out([Step(**step) for step in json.loads(sys.argv[1])])
