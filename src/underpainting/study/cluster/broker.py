"""The process that speaks to Ray for a run.

Ray takes a process's signals, writes on its screen, and ends it when the cluster's head is lost: none of that
reaches the run, which hears from here by a pipe, as (kind, ...).
"""

from __future__ import annotations

import os
import time
import traceback
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from underpainting.errors import UnderpaintingError, reason
from underpainting.study import lifeline
from underpainting.study.cluster import actor
from underpainting.study.cluster.job import Job
from underpainting.study.cluster.joining import answers, join, room
from underpainting.study.cluster.parcels import pack, unpack

BEGIN, MAKE, END = "begin", "make", "end"
"""What a run says: threads; a pickled recipe, and `Asked` by number; nothing."""
READY, JOINED, NOTE, MADE, FAILED, BUG = "ready", "joined", "note", "made", "failed", "bug"
"""What it hears: nothing; workers that share a machine's CPUs; a line; a part's number, the names of what is
made of it, what is set aside and the folder that it lies in; lines."""

AGAIN = 3  # times that a part is made again elsewhere
PULSE, LOOK, GONE, ROOM, TOUCH = 0.2, 2.0, 10.0, 30.0, 5.0  # seconds
LOST = (
    "the connection to the cluster is lost: its head, or Ray on this machine, went away; what is whole is "
    "kept: bring the cluster back and give the same command again"
)
LOADING = -1  # in place of a part's number


def serve(pipe: Connection, job: Job) -> None:
    """Be that process, until the run ends it or is gone."""
    lifeline.die_with_parent()
    _be_silent()
    try:
        import ray

        pipe.send((READY,))
        _Broker(ray, pipe, job).run()
    except UnderpaintingError as error:
        pipe.send((FAILED, str(error)))
    except (EOFError, BrokenPipeError):
        pass
    except Exception:
        pipe.send((BUG, f"in the process that speaks to Ray:\n{traceback.format_exc()}"))
    finally:
        pipe.close()
        os._exit(0)  # Ray's own end waits for a head that may be gone; the cluster sees that the process is


def _be_silent() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


@dataclass(frozen=True)
class Asked:
    """A part that is to be made: its name, itself as a pickle, what it takes of the study's files."""

    name: str
    part: bytes
    takes: tuple[str, ...]


@dataclass
class _Slot:
    """A worker: what it is at (a part's number, `LOADING`, or nothing), and the reference to its answer."""

    actor: Any
    at: int | None
    answer: Any
    host: str = ""
    sees: bool = True


class _Broker:
    def __init__(self, ray: Any, pipe: Connection, job: Job) -> None:
        self._ray, self._pipe, self._job = ray, pipe, job
        self._slots: list[_Slot] = []
        self._left = deque[int]()
        self._asked, self._parcels = dict[int, Asked](), dict[str, Any]()
        self._recipe: Any = None
        self._deaths = Counter[int]()
        self._said: set[str] = set()
        self._heard = self._looked = self._waited = time.monotonic()

    def run(self) -> None:
        """Join the cluster, then do what the run says."""
        join(self._ray, self._job)
        workers, share, self._gpus = room(self._ray, self._job)
        self._head = self._ray.get_runtime_context().gcs_address
        self._ray.cloudpickle.register_pickle_by_value(actor)
        self._pipe.send((JOINED, share))
        _, self._threads = self._pipe.recv()
        folder = Path(self._job.folder)
        files = [folder / name for name in ("study.toml", "prompts.parquet", "prompts.parquet.sha256")]
        self._base = pack(folder, files)
        self._slots = [self._begin() for _ in range(workers)]
        while self._listen():
            self._hand_out()
            pending = {slot.answer: slot for slot in self._slots if slot.at is not None}
            done: Sequence[Any] = ()
            if pending:
                done, _ = self._ray.wait(list(pending), timeout=PULSE)
            else:
                self._pipe.poll(PULSE)
            for answer in done:
                self._take(pending[answer])
            self._look()

    def _listen(self) -> bool:
        """Hear what the run says; False where it says that this is all."""
        while self._pipe.poll():
            kind, *told = self._pipe.recv()
            if kind == END:
                ends = [slot.actor.end.remote() for slot in self._slots if slot.at is None]
                with suppress(Exception):
                    self._ray.wait(ends, num_returns=len(ends), timeout=TOUCH)
                self._ray.shutdown()
                return False
            recipe, self._asked = told
            self._recipe = self._ray.put(recipe)
            self._left = deque(self._asked)
            needed = {name for asked in self._asked.values() for name in asked.takes}
            self._parcels = {name: sent for name, sent in self._parcels.items() if name in needed}
        return True

    def _begin(self) -> _Slot:
        """Ask for a worker anywhere. Its answer is there when it has loaded."""
        options = {"num_cpus": 1, "num_gpus": self._gpus, "scheduling_strategy": "SPREAD"}
        worker = self._ray.remote(actor.Actor).options(**options, max_restarts=0).remote()
        return _Slot(worker, LOADING, worker.begin.remote(asdict(self._job), self._base, self._threads))

    def _hand_out(self) -> None:
        """Give every worker that is free a part."""
        for slot in self._slots:
            if slot.at is None and self._left:
                slot.at = self._left.popleft()
                asked = self._asked[slot.at]
                parcels = [] if slot.sees else [[self._sent(name)] for name in asked.takes]
                slot.answer = slot.actor.make.remote(slot.at, self._recipe, asked.part, asked.takes, parcels)

    def _sent(self, name: str) -> Any:
        """A reference to a file or folder of the study, put into Ray's store once, if any worker needs it."""
        if name not in self._parcels:
            folder = Path(self._job.folder)
            self._parcels[name] = self._ray.put(pack(folder, [folder / name]))
        return self._parcels[name]

    def _take(self, slot: _Slot) -> None:
        """Take a worker's answer, or see that it is dead."""
        try:
            told = self._ray.get(slot.answer)
        except self._ray.exceptions.RayTaskError as error:
            raise RuntimeError(f"on a machine of the cluster:\n{error}") from None
        except self._ray.exceptions.RayError as error:
            self._bury(slot, error)
            return
        if failed := told.get("failed"):
            raise UnderpaintingError(failed + (f"; {_spare(slot.at)}" if told.get("memory") else ""))
        at, slot.at, slot.answer = slot.at, None, None
        self._deaths[LOADING] = 0
        for line in told.get("notes", ()):
            self._say(line, f" (a worker on {slot.host})")
        if at == LOADING:
            slot.host, slot.sees = told["host"], told["sees"]
            self._tell_folder()
            return
        self._tell_folder(now=True)
        folder = told.get("folder")
        if folder is None:
            folder = str(Path(self._job.scratch) / f"arrived-{at}")
            unpack(told["parcel"], Path(folder))
        self._pipe.send((MADE, at, told["names"], told["aside"], folder))

    def _bury(self, slot: _Slot, error: Exception) -> None:
        """Ask for another worker in place of a dead one; its part is the first to be made."""
        at = LOADING if slot.at is None else slot.at
        where = f" on {slot.host}" if slot.host else ""
        memory = isinstance(error, self._ray.exceptions.OutOfMemoryError) or "low on memory" in str(error)
        self._deaths[at] += 1
        allowed = AGAIN * len(self._slots) if at == LOADING else AGAIN  # a lost host takes many at once
        if (deaths := self._deaths[at]) > allowed:
            what = "while they loaded" if at == LOADING else f"while they made {self._asked[at].name}"
            why = "out of memory" if memory else f"out of memory? {reason(error)}"
            raise UnderpaintingError(
                f"{deaths} workers died {what}, the last{where} ({why}); {_spare(at)}, then give the same "
                "command again"
            )
        with suppress(Exception):
            self._ray.kill(slot.actor)
        if at != LOADING:
            self._left.appendleft(at)
            cause = "ran out of memory" if memory else "died"
            self._say(f"a worker{where} {cause}; {self._asked[at].name} is made again", again=True)
        self._slots[self._slots.index(slot)] = self._begin()

    def _look(self) -> None:
        """See whether the head is there, and whether there is room for a worker at all."""
        now = time.monotonic()
        if now - self._looked < LOOK:
            return
        self._looked = now
        if answers(self._head, LOOK):
            self._heard = time.monotonic()
        elif time.monotonic() - self._heard > GONE:
            raise UnderpaintingError(LOST)
        if not all(slot.at == LOADING and not slot.host for slot in self._slots):
            self._waited = now
        elif now - self._waited > ROOM:
            self._say("waiting for a worker: the cluster has no room for one yet, or it loads for long")

    def _tell_folder(self, now: bool = False) -> None:
        """Say once who sees the study's folder: when all workers are there, or now."""
        if "folder" in self._said or not (now or all(slot.host for slot in self._slots)):
            return
        self._said.add("folder")
        there = [slot for slot in self._slots if slot.host]
        blind = sorted({slot.host for slot in there if not slot.sees})
        count, hosts = len(there), len({slot.host for slot in there})
        workers = f"{count} worker{'s' * (count > 1)} on {hosts} machine{'s' * (hosts > 1)}"
        if not blind:
            self._say(f"{workers}: all see {self._job.root}")
        else:
            few = ", ".join(blind[:3]) + (f" and {len(blind) - 3} more" if len(blind) > 3 else "")
            self._say(
                f"{workers}: {few} cannot use {self._job.root}, so what is made there comes back as bytes"
            )

    def _say(self, line: str, where: str = "", again: bool = False) -> None:
        """Tell a line, once for all workers that say the same."""
        if again or line not in self._said:
            self._said.add(line)
            self._pipe.send((NOTE, line + where))


def _spare(at: int | None) -> str:
    return "use fewer workers a machine, " + (
        "or a model of a smaller dtype" if at == LOADING else "smaller batches, or machines with more memory"
    )
