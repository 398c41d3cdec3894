"""A worker process ends when the process that it works for does, also while it still loads.

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
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection

PR_SET_PDEATHSIG = 1  # prctl(2)


def begin(ended: Connection, numbers: Connection, threads: int) -> None:
    """Set a worker process up: it ends when its parent does or says so, and computes with so many threads.

    numbers: gives each worker of a pool its number as one byte; of n GPUs worker i has GPU i mod n.
    """
    die_with_parent()
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
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
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


def _end_when_told(ended: Connection) -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel, ended])
    os._exit(1)
