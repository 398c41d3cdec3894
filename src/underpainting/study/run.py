"""Running a study: every picture made once, in three phases, resumable at any shard.

Fit shards add to moments; calibrate shards choose ridge strengths, thresholds and best layers; test shards
are read by the chosen probes and scored. What is folded from shards is folded in their order, so that a run
that was killed and resumed, or spread over processes, ends with the bytes of one that was not.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from underpainting.controls import save_reader
from underpainting.diffusion import Model
from underpainting.errors import UnderpaintingError
from underpainting.observers.estimators import Estimator
from underpainting.probes import save_sums
from underpainting.records import CLASSIFICATION, SCORES, atomic_folder, read_table, remove
from underpainting.study.choosing import (
    choose,
    choose_position,
    chosen_scores,
    mean_scores,
    position_chosen,
    probe_sets,
)
from underpainting.study.classes import CLASSES, calibrate_class_scores, fit_class_probes
from underpainting.study.damage import find_damage, repair
from underpainting.study.environment import open_workshop, record_environment, use_threads
from underpainting.study.executors import Make, shard_maker
from underpainting.study.fitting import empty_sums, label_means, merge, read_sums, write_sums
from underpainting.study.folder import Study, clear_leftovers, only_run, write_json
from underpainting.study.gallery import write_gallery
from underpainting.study.network import network_file, train_readers
from underpainting.study.places import grid_name
from underpainting.study.plan import Shard
from underpainting.study.progress import Progress
from underpainting.study.rows import gather, layer_rows, probe_rows
from underpainting.study.scoring import THRESHOLDS
from underpainting.study.shards import read_scores, set_aside
from underpainting.study.work import Work

MAX_SET_ASIDE = 0.05


def run_study(
    study: Study,
    *,
    model: Model | None = None,
    estimator: Estimator | None = None,
    progress: Progress | None = None,
    workers: int = 1,
    max_set_aside: float = MAX_SET_ASIDE,
) -> None:
    """Run a study, or go on with it from its last whole shard; nothing happens to one that is done and whole.

    What is damaged on disk is made again. model, estimator: objects to use instead of loading those that the
    config names, in this process alone. workers: processes that make shards. the CPUs
    are shared out among them. max_set_aside: share of the pictures that may be set aside as unsound.

    Raises UnderpaintingError where something named cannot be loaded or is not what the study was begun with,
    another run is at work in the folder, the disk is full, or too many pictures are unsound.
    """
    if workers > 1 and (model or estimator):
        raise UnderpaintingError("several workers load the model and estimator by name; give no objects")
    progress = progress or Progress()
    with only_run(study.folder):
        clear_leftovers(study)
        damage = find_damage(study)
        for found in damage:
            progress.note(f"{found}; {found.remedy}")
        repair(study, damage)
        if study.done:
            return
        progress.start(len(study.rows), sum(len(s.pictures) for s in study.shards if study.is_whole(s)))
        use_threads(study, workers)
        with shard_maker(study, workers, max_set_aside) as make:
            workshop = open_workshop(study.config, model, estimator)
            for line in record_environment(study, workshop):
                progress.note(line)
            work = Work(study, workshop, max_set_aside, progress.advance)
            progress.phase("fit pictures")
            _fit(work, make)
            progress.phase("calibrate pictures")
            _calibrate(work, make, progress)
            progress.phase("test pictures")
            for _ in _each(work, "test", make):
                pass
        progress.phase("gathering scores")
        _gather(work)


def _each(work: Work, split: str, make: Make) -> Iterator[Shard]:
    """A split's shards in order, each made by the time it is given."""
    shards = work.study.of_split(split)
    missing = [shard for shard in shards if not work.study.is_whole(shard)]
    made = make(work, missing)
    for shard in shards:
        if shard in missing:
            next(made)
        yield shard


def _fit(work: Work, make: Make) -> None:
    """Make the fit shards and fold their sums into the running totals."""
    study = work.study
    folded = study.folded
    for old in (study.folder / "moments").glob("through-*.safetensors"):
        if old != study.through(folded):
            remove(old)
    totals = read_sums(study.through(folded)) if folded >= 0 else empty_sums(work.places)
    for shard in _each(work, "fit", make):
        if shard.number > folded:
            merge(totals, read_sums(study.part(shard.number)))
            write_sums(study.through(shard.number), totals)
            if folded >= 0:
                remove(study.through(folded))
            folded = shard.number
        remove(study.part(shard.number))


def _calibrate(work: Work, make: Make, progress: Progress) -> None:
    """Make the calibrate shards and choose on them."""
    shards = list(_each(work, "calibrate", make))
    if not work.study.probes.exists():
        progress.phase("choosing probes")
        _choose(work, shards)
    for shard in shards:
        remove(work.study.part(shard.number))


def _choose(work: Work, shards: list[Shard]) -> None:
    """Write calibrate scores, probes and controls; the probes last, as they say that all is there."""
    study, places = work.study, work.places
    aside = set_aside(study.shard(shard.number) for shard in study.shards)
    sound = {
        study.part(shard.number): [row for row in shard.pictures if row.image not in aside]
        for shard in shards
    }
    parts = [part for part, rows in sound.items() if rows]
    if not parts:
        raise UnderpaintingError(
            "every calibrate picture was set aside; give more pictures or a larger share"
        )
    strengths, classifier = study.config.probes.strengths, work.workshop.classifier
    class_probes = fit_class_probes(study, places, classifier.classes, strengths) if classifier else None
    choices = choose(mean_scores(read_scores(part, "probe") for part in parts), places)
    cuts = choose_position(mean_scores(read_scores(part, "position") for part in parts), places)

    def tables() -> Iterator[pa.Table]:
        for part in parts:
            rows = sound[part]
            yield probe_rows(chosen_scores(read_scores(part, "probe"), choices, places), places, rows)
            position = position_chosen(read_scores(part, "position"), cuts)
            yield layer_rows(position, "position", places, rows)
            yield layer_rows(read_scores(part, "ceiling"), "ceiling", places, rows)
        if class_probes and classifier:
            yield calibrate_class_scores(class_probes, study, places, classifier.classes)

    remove(study.calibrate)
    gather(tables(), study.calibrate)
    images = {
        split: sum(row.image not in aside for shard in study.of_split(split) for row in shard.pictures)
        for split in ("fit", "calibrate")
    }
    watched = [layer.name for layer in places.watched]
    others = [layer.name for layer in places.layers if layer.name not in watched]
    sets = probe_sets(work.readers, choices, places, strengths, study.config.model.name, images)
    latent_readers = train_readers(study, places) if study.config.controls.network else {}
    remove(study.controls)
    with atomic_folder(study.controls) as folder:
        for kind, reader in latent_readers.items():
            save_reader(reader, folder / network_file(kind))
        if class_probes:
            class_probes.save(folder)
        sets["shuffled"].save(folder / "shuffled")
        sets["probe"].of_layers(others).save(folder / "stand-ins")
        means = {grid_name(grid): of for grid, of in label_means(work.sums, places).items()}
        save_sums(folder / "position.safetensors", means)
        thresholds = {
            name: {layer.name: float(THRESHOLDS[cut]) for layer, cut in zip(places.layers, of, strict=True)}
            for name, of in cuts.items()
        }
        properties = [found.name for found in places.properties]
        write_json(folder / "position.json", {"properties": properties, "thresholds": thresholds})
    with atomic_folder(study.probes) as folder:
        sets["probe"].of_layers(watched).save(folder)


def _gather(work: Work) -> None:
    """Put the gallery and the scores together from the test shards; what was made of old ones goes."""
    study = work.study
    folders = [study.shard(shard.number) for shard in study.of_split("test")]
    maps = [folder / "maps.safetensors" for folder in folders if (folder / "maps.safetensors").is_file()]
    remove(study.emergence)
    remove(study.leads)
    remove(study.report)
    write_gallery(study, maps, work.chosen.probes, work.places)
    if work.workshop.classifier:
        seen = (read_table(folder / CLASSES, CLASSIFICATION) for folder in folders)
        gather(seen, study.classification, CLASSIFICATION)
    gather((read_table(folder / "rows.parquet", SCORES) for folder in folders), study.scores)
