"""The run's side of a cluster: it asks for shards and puts those that arrive into the study."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import Pipe, get_context
from pathlib import Path
from typing import Any

import torch

from underpainting.errors import UnderpaintingError
from underpainting.readers import read_json
from underpainting.records import find_fault, make_folder, remove
from underpainting.records.atomic import sync, temporary_of, write_bytes, writing
from underpainting.records.seals import seal_of
from underpainting.study.cluster import broker
from underpainting.study.cluster.hand import await_path
from underpainting.study.cluster.job import MARKER, Cluster, Job
from underpainting.study.environment import use_threads
from underpainting.study.lifeline import deaf_to_ctrl_c
from underpainting.study.paths import ASIDE
from underpainting.study.schedule import Shard
from underpainting.study.study import StudyFolder
from underpainting.study.work import Work

ANSWERS, BEGINS, IMPORTS, ENDS = 10.0, 60.0, 120.0, 10.0  # seconds that a cluster, or its process, may take


@contextmanager
def on_cluster(
    study: StudyFolder, cluster: Cluster, workers: int | None, max_set_aside: float
) -> Iterator[Callable[[Work, Sequence[Shard]], Iterator[Shard]]]:
    """Give what makes shards on a cluster (see `executors.Make`).

    Raises UnderpaintingError where there is no Ray here, or no such cluster, or no room in it for a worker.
    """
    if find_spec("ray") is None:
        raise UnderpaintingError("a cluster needs Ray: pip install 'underpainting[cluster]'")
    folder = study.folder.absolute()
    scratch, token = temporary_of(folder / "cluster"), secrets.token_hex(16)
    write_bytes(scratch / MARKER, token.encode())
    job = Job(
        str(folder),
        str(scratch),
        token,
        cluster,
        workers,
        max_set_aside,
        version("underpainting"),
        study.config.run.device,
        os.getcwd(),
        tuple(sys.path),
    )
    session = _Session(study, job)
    try:
        session.begin()
        yield session.make
        session.end()
    finally:
        session.kill()
        shutil.rmtree(scratch, ignore_errors=True)


class _Session:
    """A process that speaks to Ray (see `broker`), and what it has said."""

    def __init__(self, study: StudyFolder, job: Job) -> None:
        self._study, self._job = study, job
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

    def make(self, work: Work, shards: Sequence[Shard]) -> Iterator[Shard]:
        """See `executors.Make`."""
        awaited = {shard.number: shard for shard in shards}
        if shards:
            self._send(broker.MAKE, shards[0].split, list(awaited), _needed(work.study, shards[0].split))
        for shard in shards:
            while shard.number in awaited:
                kind, *told = self._receive()
                if kind == broker.NOTE:
                    work.progress.note(told[0])
                elif kind == broker.MADE and told[0] in awaited:
                    made = awaited.pop(told[0])
                    install(work, made, Path(told[1]))
                    work.progress.advance(len(made.pictures))
            yield shard

    def end(self) -> None:
        """Let go of the cluster."""
        self._send(broker.END)
        self._process.join(ENDS)

    def kill(self) -> None:
        """End the process, if it has not ended; Ray ends the workers then."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

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


def install(work: Work, shard: Shard, arrived: Path) -> None:
    """Put a shard that was made elsewhere into the study: its part first, its folder last.

    arrived: a folder laid out as the study's. Raises UnderpaintingError where the shard is not as it was
    made, or too many pictures are set aside.
    """
    study = work.study
    part, folder = study.part_file(shard.number), study.shard_folder(shard.number)
    new_part, new_folder = (arrived / path.relative_to(study.folder) for path in (part, folder))
    await_path(new_folder, "the machine of the run")
    arriving = {new_folder: folder} | ({} if shard.split == "test" else {new_part: part})
    for new, target in arriving.items():
        if fault := find_fault(new, study.origin(target)):
            raise UnderpaintingError(
                f"shard {shard.number} is not as it was made elsewhere ({fault}); check disks and network, "
                "then give the same command again"
            )
    work.hold_to_limit(read_json(new_folder / ASIDE))
    for target in (part, folder):
        remove(target)
        make_folder(target.parent)
    with writing(folder):
        if new_part in arriving:
            seal_of(new_part).rename(seal_of(part))
            new_part.rename(part)
            sync(part.parent)
        new_folder.rename(folder)
        sync(folder.parent)
    shutil.rmtree(arrived, ignore_errors=True)


def _needed(study: StudyFolder, split: str) -> list[str]:
    """What making shards of a split takes of the study's files, beside its config and pictures."""
    paths = [study.environment_file]
    if split != "fit":
        paths += [study.totals_file]
    paths = [path for file in paths for path in (file, seal_of(file))]
    if split == "test":
        paths += [study.probes_folder, study.controls_folder]
    return [path.relative_to(study.folder).as_posix() for path in paths]
