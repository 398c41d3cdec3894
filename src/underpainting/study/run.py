"""Running a study: every picture made once, in three phases, resumable at any shard.

Fit shards add to moments; calibrate shards choose ridge strengths, thresholds and best layers; test shards
are read by the chosen probes and scored. What is folded from shards is folded in their order, so that a run
that was killed and resumed, or spread over processes, ends with the bytes of one that was not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from underpainting.diffusion import Model
from underpainting.errors import require_number
from underpainting.observers.estimators import Estimator
from underpainting.progress import Progress
from underpainting.records import only_run
from underpainting.study.cluster.job import Cluster
from underpainting.study.damage import Damage, find_damage, repair
from underpainting.study.environment import load_trusted, record_environment
from underpainting.study.executors import Workers, count_workers, executor
from underpainting.study.makers import Make
from underpainting.study.phases import PHASES, ShardMaker
from underpainting.study.request.alike import require_apart
from underpainting.study.request.brought import about_changed
from underpainting.study.schedule import Shard
from underpainting.study.study import StudyFolder, clear_leftovers
from underpainting.study.work import Work

MAX_SET_ASIDE = 0.05


def run_study(
    study: StudyFolder,
    *,
    model: Model | None = None,
    estimator: Estimator | None = None,
    progress: Progress | None = None,
    workers: Workers = None,
    cluster: Cluster | None = None,
    max_set_aside: float = MAX_SET_ASIDE,
    then: Callable[[], object] | None = None,
) -> None:
    """Run a study, or go on with it from its last whole shard; nothing happens to one that is done and whole.

    What is damaged on disk is made again. model, estimator: objects to use instead of loading those that the
    config names, in this process alone; those of the study unless others are given. workers: processes that
    make shards, each with a model of that name and an estimator; the CPUs are shared out among them, and of
    n GPUs worker i has GPU i mod n. cluster: where they are, if not on this machine (see `find_cluster`).
    max_set_aside: share of the pictures that may be set aside as unsound. then: what is done with the study
    when it is done, while no other run may begin.

    Raises UnderpaintingError where something named cannot be loaded or is not what the study was begun with,
    prompts that are one to the model are in two splits (see `tell_apart`), another run is at work in the
    folder, the disk is full, or too many pictures are unsound.
    """
    model, estimator = model or study.model, estimator or study.estimator
    several = count_workers(workers, cluster, estimator)
    require_number("max_set_aside", max_set_aside, 0, 1, whole=False)
    progress = progress or Progress()
    with only_run(study.folder):
        clear_leftovers(study)
        damage = find_damage(study)
        for found in damage:
            progress.note(f"{found}; {found.remedy}")
        if not study.is_done or any(study.scores_file in found.undone for found in damage):
            with executor(study, study.folder, progress, load_trusted, several, cluster) as make:
                _make_all(study, model, estimator, damage, progress, make, max_set_aside)
        else:
            repair(study, damage)
            if folder := study.config.labels.folder:
                for line in about_changed(Path(folder), study.environment):
                    progress.note(line)
        if then:
            then()


def _make_all(
    study: StudyFolder,
    model: Model | None,
    estimator: Estimator | None,
    damage: Sequence[Damage],
    progress: Progress,
    make: Make,
    max_set_aside: float,
) -> None:
    """Make what is missing; what is damaged goes when it is known that it can be made again."""
    loaded = load_trusted(study, model, estimator)
    require_apart(study.rows, study.splits, loaded.model)
    if words := loaded.words(study.rows):
        loaded.model.find_words([row.prompt for row in study.rows], words)
    for line in record_environment(study, loaded):
        progress.note(line)
    repair(study, damage)
    progress.start(len(study.rows), study.pictures_made)
    maker = ShardMaker(Work(study, loaded, max_set_aside, progress))
    for split, phase in PHASES.items():
        progress.phase(f"{split} pictures")
        phase.fold(maker.work, _made(maker, split, make))


def _made(maker: ShardMaker, split: str, make: Make) -> Iterator[Shard]:
    """A split's shards in order, each made by the time it is given."""
    study = maker.work.study
    shards = study.of_split(split)
    missing = [shard for shard in shards if not study.is_whole(shard)]
    made = make(maker, missing)
    for shard in shards:
        if shard in missing:
            next(made)
        yield shard
