"""One writer a folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from underpainting.errors import UnderpaintingError


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Keep a second run out of a folder. Raises UnderpaintingError where one is at work."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnderpaintingError(f"another run is at work in {folder}; wait for it or stop it") from None
        yield
    finally:
        os.close(handle)
