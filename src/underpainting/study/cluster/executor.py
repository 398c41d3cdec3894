"""The run's side of a cluster: it asks for parts and puts those that arrive where they belong."""

from __future__ import annotations

import os
import pickle
import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from itertools import count
from multiprocessing import Pipe, get_context
from pathlib import Path
from typing import Any

import torch

from underpainting.errors import UnderpaintingError
from underpainting.progress import Progress
from underpainting.records import make_folder, remove
from underpainting.records.atomic import sync, temporary_of, write_bytes, writing
from underpainting.records.seals import SEAL, seal_of
from underpainting.study.cluster import actor, broker
from underpainting.study.cluster.hand import await_path
from underpainting.study.cluster.job import MARKER, OUTSIDE, Cluster, Job
from underpainting.study.environment import use_threads
from underpainting.study.lifeline import deaf_to_ctrl_c
from underpainting.study.makers import Load, Made, Make, Maker, Whole
from underpainting.study.study import StudyFolder

ANSWERS, BEGINS, IMPORTS, ENDS = 10.0, 60.0, 120.0, 10.0  # seconds that a cluster, or its process, may take


@contextmanager
def on_cluster(
    study: StudyFolder, root: Path, progress: Progress, load: Load, cluster: Cluster, workers: int | None
) -> Iterator[Make]:
    """Give what makes parts on a cluster (see `executors.executor`).

    Raises UnderpaintingError where there is no Ray here, or no such cluster, or no room in it for a worker.
    """
    if find_spec("ray") is None:
        raise UnderpaintingError("a cluster needs Ray: pip install 'underpainting[cluster]'")
    folder, written = study.folder.absolute(), root.absolute()
    scratch, token = temporary_of(written / "cluster"), secrets.token_hex(16)
    write_bytes(scratch / MARKER, token.encode())
    job = Job(
        folder=str(folder),
        root=str(written),
        inner=str(written.relative_to(folder)) if written.is_relative_to(folder) else OUTSIDE,
        scratch=str(scratch),
        token=token,
        cluster=cluster,
        workers=workers,
        load=pickle.dumps(load),
        version=version("underpainting"),
        sources=actor.sources(Path(actor.__file__).parents[2]),
        device=study.config.run.device,
        here=os.getcwd(),
        path=tuple(sys.path),
    )
    session = _Session(study, root, job, progress)
    try:
        session.begin()
        yield session.make
        session.end()
    finally:
        session.kill()
        shutil.rmtree(scratch, ignore_errors=True)


class _Session:
    """A process that speaks to Ray (see `broker`), and what it has said."""

    def __init__(self, study: StudyFolder, root: Path, job: Job, progress: Progress) -> None:
        self._study, self._root, self._job, self._progress = study, root, job, progress
        self._numbers = count()
        self._pipe, theirs = Pipe()
        context = get_context("spawn")
        self._process = context.Process(target=broker.serve, args=(theirs, job), daemon=True)
        with deaf_to_ctrl_c(), theirs:
            self._process.start()

    def begin(self) -> None:
        """Join the cluster; its workers begin to load. This process takes as many threads as each of them."""
        address = self._job.cluster.address
        self._receive(IMPORTS)  # only then does the clock of the cluster start
        silent = (
            f"{address} does not answer as a Ray cluster within {ANSWERS:.0f} s; check it by `ray status`"
        )
        _, share = self._receive(ANSWERS if address else BEGINS, silent if address else "Ray does not begin")
        use_threads(self._study, share)
        self._send(broker.BEGIN, torch.get_num_threads())

    def make(self, maker: Maker[Made], parts: Sequence[Made], /) -> Iterator[tuple[Made, Whole]]:
        """See `makers.Make`."""
        numbered = {next(self._numbers): part for part in parts}
        asked = {
            number: broker.Asked(part.name, pickle.dumps(part), self._names(maker.takes(part)))
            for number, part in numbered.items()
        }
        if asked:
            self._send(broker.MAKE, pickle.dumps(maker.recipe), asked)
        arrived: dict[int, Whole] = {}
        for number, part in numbered.items():
            while number not in arrived:
                kind, *told = self._receive()
                if kind == broker.NOTE:
                    self._progress.note(told[0])
                elif kind == broker.MADE and told[0] in numbered:
                    one, names, aside, folder = told
                    made = install(maker, numbered[one].name, names, self._root, Path(folder))
                    arrived[one] = Whole(made, aside)
                    self._progress.advance(numbered[one].size)
            yield part, arrived[number]

    def end(self) -> None:
        """Let go of the cluster."""
        self._send(broker.END)
        self._process.join(ENDS)

    def kill(self) -> None:
        """End the process, if it has not ended; Ray ends the workers then."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _names(self, paths: Sequence[Path]) -> tuple[str, ...]:
        """Paths within the study's folder, each file with its seal."""
        sealed = [path for one in paths for path in (one, seal_of(one)) if path.exists()]
        return tuple(path.relative_to(self._study.folder).as_posix() for path in sealed)

    def _send(self, *message: Any) -> None:
        try:
            self._pipe.send(message)
        except OSError:
            while True:  # it ended, and may have said why
                self._receive()

    def _receive(self, seconds: float | None = None, silent: str = broker.LOST) -> Any:
        try:
            if not self._pipe.poll(seconds):
                raise UnderpaintingError(silent)
            message = self._pipe.recv()
        except (EOFError, OSError):
            raise UnderpaintingError(broker.LOST) from None
        if message[0] == broker.FAILED:
            raise UnderpaintingError(message[1])
        if message[0] == broker.BUG:
            raise RuntimeError(message[1])
        return message


def install(
    maker: Maker[Any], part: str, names: Sequence[str], root: Path, arrived: Path
) -> tuple[Path, ...]:
    """Put a part that was made elsewhere where it belongs, and say where that is.

    names: of its files and folders, and of their seals, in the order in which they are put there. root,
    arrived: folders that have them at the same places. Raises UnderpaintingError where anything is not as it
    was made, and as `Maker.fault`.
    """
    targets = {arrived / name: root / name for name in names}
    made = tuple(target for target in targets.values() if target.suffix != SEAL)
    for new in targets:
        await_path(new, "the machine of the run")
    for new, target in targets.items():
        if target in made and (fault := maker.fault(new, target)):
            raise UnderpaintingError(
                f"{part} is not as it was made elsewhere ({fault}); check disks and network, "
                "then give the same command again"
            )
    for target in made:
        remove(target)
        make_folder(target.parent)
    with writing(root):
        for new, target in targets.items():
            new.rename(target)
            sync(target.parent)
    shutil.rmtree(arrived, ignore_errors=True)
    return made
