"""Worker processes: how they begin, and that they end when the process that they work for does.

This module imports nothing heavy, for it is the first of ours that a worker imports.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR, getLogger
from multiprocessing import connection, forkserver, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path

PR_SET_PDEATHSIG = 1  # prctl(2)
IMPORTED = ["underpainting.study.preloaded"]
DEVICES = Path("/dev")
GPUS = ("nvidia*", "kfd", "dri", "dxg", "accel*")  # what there is in DEVICES where there may be one
_begun_by = ["spawn"]


def import_meanwhile() -> None:
    """Have workers forked from a process that imports for all of them, from here on, while this one does.

    For the command line, before it imports: it begins workers once, and what they share ends with it. Not
    where there may be a GPU, for what its library has set up does not outlive a fork; each worker imports by
    itself there.
    """
    if sys.platform == "linux" and not any(found for name in GPUS for found in DEVICES.glob(name)):
        _begun_by[:] = ["forkserver"]
        context()
        with deaf_to_ctrl_c():
            forkserver.ensure_running()


def context() -> BaseContext:
    """What begins worker processes."""
    chosen = get_context(*_begun_by)
    chosen.set_forkserver_preload(IMPORTED)
    return chosen


def begin(ended: Connection, numbers: Connection, threads: int) -> None:
    """Set a worker process up: it ends when its parent does or says so, and computes with so many threads.

    numbers: gives each worker of a pool its number as one byte; of n GPUs worker i has GPU i mod n.
    """
    _die_with_creator()
    threading.Thread(target=_end_when_told, args=(ended,), daemon=True).start()
    import torch
    from tqdm import tqdm

    (number,) = os.read(numbers.fileno(), 1)
    if gpus := torch.cuda.device_count():
        torch.cuda.set_device(number % gpus)  # the one that is meant by plain "cuda"
    torch.set_num_threads(threads)
    getLogger("torch.utils._pytree").setLevel(ERROR)  # the screen is the parent's; see `quiet_libraries`
    # tqdm's own lock has a semaphore, which is left behind when the process is ended
    tqdm.set_lock(threading.RLock())


def die_with_parent() -> None:
    """Let the kernel end this process with its parent, also where an import keeps every thread waiting."""
    parent = parent_process()
    assert parent is not None
    _die_with_creator()
    if os.getppid() != parent.pid:
        os._exit(1)


@contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that are begun in the block never hear a terminal's Ctrl-C; this one does after it."""
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)


def _die_with_creator() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _end_when_told(ended: Connection) -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel, ended])
    os._exit(1)
