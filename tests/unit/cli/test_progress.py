"""Progress as a person sees it: in a pseudo-terminal, from before its total is known to the end."""

import os
import pty
import subprocess
import sys

SCRIPT = """
import time
from underpainting.cli.show import progress

with progress() as shown:
    shown.phase("load")
    time.sleep(0.4)
    shown.start(12, 3)
    shown.phase("fit")
    shown.advance(2)
    time.sleep(0.4)
    shown.note("a picture is set aside")
"""


def test_the_bar_is_drawn_before_and_after_the_total_is_known() -> None:
    screen, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "24"}
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=terminal, stdout=terminal, stderr=terminal, env=environment
    )
    os.close(terminal)
    seen = b""
    try:
        while block := os.read(screen, 4096):
            seen += block
    except OSError:  # the child has left the terminal
        pass
    os.close(screen)
    assert child.wait() == 0, seen.decode()
    shown = seen.decode()
    assert "load" in shown and "5/12 pictures" in shown and "a picture is set aside" in shown
    assert "Traceback" not in shown
