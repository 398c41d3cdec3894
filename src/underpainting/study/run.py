"""Running a study: every picture made once, in three phases, resumable at any shard.

Fit shards add to moments; calibrate shards choose ridge strengths, thresholds and best layers; test shards
are read by the chosen probes and scored. A shard is made whole under a temporary name and then renamed; what
is folded from shards is folded in their order, so that a run that was killed and resumed ends with the bytes
of one that was not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import torch
from safetensors.torch import save_file
from torch import Tensor

from underpainting.diffusion import Model, StepRecord
from underpainting.observers.estimators import Estimator
from underpainting.probes import ProbeSet, save_sums
from underpainting.records import SCORES, atomic_folder, read_table, write_table
from underpainting.study.choosing import (
    choose,
    choose_position,
    chosen_readers,
    chosen_scores,
    chosen_thresholds,
    mean_scores,
    position_chosen,
    probe_sets,
)
from underpainting.study.environment import Workshop, open_workshop, record_environment
from underpainting.study.fitting import (
    Held,
    Sums,
    empty_sums,
    label_means,
    merge,
    read_sums,
    solve,
    token_means,
    write_sums,
)
from underpainting.study.folder import Study, clear_leftovers, only_run, remove, write_json
from underpainting.study.gallery import Film, gallery_rows, write_gallery
from underpainting.study.making import Made, make_batch
from underpainting.study.places import Place, Places, grid_name
from underpainting.study.plan import Shard
from underpainting.study.progress import Progress
from underpainting.study.prompts import PromptRow
from underpainting.study.reading import Reader, Readings
from underpainting.study.rows import gather, layer_rows, probe_rows
from underpainting.study.scoring import (
    THRESHOLDS,
    Scores,
    calibrate_scores,
    ceiling_scores,
    position_scores,
    test_scores,
)
from underpainting.study.shards import Keeper, join_scores, read_scores, write_scores


def run_study(
    study: Study,
    *,
    model: Model | None = None,
    estimator: Estimator | None = None,
    progress: Progress | None = None,
) -> None:
    """Run a study, or go on with it from its last whole shard; nothing happens to one that is done.

    model, estimator: objects to use instead of loading those that the config names. Raises UnderpaintingError
    where something named cannot be loaded or is not what the study was begun with, or another run is at work
    in the folder.
    """
    progress = progress or Progress()
    with only_run(study):
        if study.done:
            return
        clear_leftovers(study)
        workshop = open_workshop(study.config, model, estimator)
        for line in record_environment(study, workshop):
            progress.note(line)
        work = _Work(study, workshop, progress)
        made = sum(len(shard.pictures) for shard in study.shards if study.shard(shard.number).exists())
        progress.start(len(study.rows), made)
        sums = _fit(work)
        _calibrate(work, sums)
        _test(work, sums)


@dataclass(frozen=True)
class _Work:
    study: Study
    workshop: Workshop
    progress: Progress

    @property
    def places(self) -> Places:
        return self.workshop.places

    def shards(self, split: str) -> list[Shard]:
        return [shard for shard in self.study.shards if shard.split == split]

    def missing(self, split: str) -> list[Shard]:
        return [shard for shard in self.shards(split) if not self.study.shard(shard.number).exists()]

    def make(self, rows: tuple[PromptRow, ...], look: Callable[[StepRecord], None]) -> Made:
        return make_batch(
            self.workshop.model,
            self.workshop.estimator,
            rows,
            self.study.config.model,
            self.places,
            look,
            self.progress.advance,
        )

    @contextmanager
    def keeping(self, shard: Shard) -> Iterator[Keeper]:
        """A shard's folder, renamed into place when all of it is there."""
        with atomic_folder(self.study.shard(shard.number)) as folder:
            keeper = Keeper(folder, self.places.properties)
            yield keeper
            keeper.close()


def _fit(work: _Work) -> Sums:
    """Make the fit shards and fold their sums in; returns the totals."""
    study = work.study
    work.progress.phase("fit")
    present = sorted((study.folder / "moments").glob("through-*.safetensors"))
    folded = int(present[-1].stem.split("-")[1]) if present else -1
    totals = read_sums(present[-1]) if present else empty_sums(work.places)
    for old in present[:-1]:
        remove(old)
    for shard in work.shards("fit"):
        part = study.part(shard.number)
        if shard.number > folded:
            merge(totals, read_sums(part) if study.shard(shard.number).exists() else _fit_shard(work, shard))
            write_sums(study.through(shard.number), totals)
            if folded >= 0:
                remove(study.through(folded))
            folded = shard.number
        remove(part)
    return totals


def _fit_shard(work: _Work, shard: Shard) -> Sums:
    sums = empty_sums(work.places)
    with work.keeping(shard) as keeper:
        for rows in shard.batches:
            held = Held(work.places)
            made = work.make(rows, held.look)
            held.add_to(sums, made.labels)
            keeper.keep(rows, made)
        write_sums(work.study.part(shard.number), sums)
    return sums


def _calibrate(work: _Work, sums: Sums) -> None:
    """Make the calibrate shards, choose on them, and write the probes and controls."""
    study = work.study
    shards = work.shards("calibrate")
    if not study.probes.exists():
        work.progress.phase("solve")
        readers = solve(sums, work.places, study.config.probes.strengths)
        work.progress.phase("calibrate")
        for shard in work.missing("calibrate"):
            _calibrate_shard(work, shard, readers, sums)
        _choose(work, shards, readers, sums)
    for shard in shards:
        remove(study.part(shard.number))


def _calibrate_shard(work: _Work, shard: Shard, readers: dict[Place, Reader], sums: Sums) -> None:
    positions = label_means(sums, work.places)
    scores: dict[str, list[Scores]] = {"probe": [], "position": [], "ceiling": []}
    with work.keeping(shard) as keeper:
        for rows in shard.batches:
            readings = Readings(work.places, readers, len(rows))
            made = work.make(rows, readings.look)
            scores["probe"].append(calibrate_scores(readings.maps, made.labels, work.places))
            scores["position"].append(position_scores(made.labels, work.places, positions))
            scores["ceiling"].append(ceiling_scores(made.labels, work.places, positions))
            keeper.keep(rows, made)
        write_scores(
            work.study.part(shard.number), {source: join_scores(of) for source, of in scores.items()}
        )


def _choose(work: _Work, shards: list[Shard], readers: dict[Place, Reader], sums: Sums) -> None:
    study, places = work.study, work.places
    work.progress.phase("choose")
    parts = {shard: study.part(shard.number) for shard in shards}
    choices = choose(mean_scores(read_scores(part, "probe") for part in parts.values()), places)
    cuts = choose_position(mean_scores(read_scores(part, "position") for part in parts.values()), places)

    def tables() -> Iterator[pa.Table]:
        for shard, part in parts.items():
            yield probe_rows(
                chosen_scores(read_scores(part, "probe"), choices, places), places, shard.pictures
            )
            position = position_chosen(read_scores(part, "position"), cuts)
            yield layer_rows(position, "position", places, shard.pictures)
            yield layer_rows(read_scores(part, "ceiling"), "ceiling", places, shard.pictures)

    gather(tables(), study.calibrate)
    strengths = study.config.probes.strengths
    sets = probe_sets(readers, choices, places, strengths, study.config.model.name, study.images)
    remove(study.controls)
    with atomic_folder(study.controls) as folder:
        sets["shuffled"].save(folder / "shuffled")
        means = {grid_name(grid): of for grid, of in label_means(sums, places).items()}
        save_sums(folder / "position.safetensors", means)
        thresholds = {
            name: {layer.name: float(THRESHOLDS[cut]) for layer, cut in zip(places.layers, of, strict=True)}
            for name, of in cuts.items()
        }
        properties = [found.name for found in places.properties]
        write_json(folder / "position.json", {"properties": properties, "thresholds": thresholds})
    with atomic_folder(study.probes) as folder:
        sets["probe"].save(folder)


def _test(work: _Work, sums: Sums) -> None:
    """Make the test shards, then put gallery and scores together."""
    study, places = work.study, work.places
    work.progress.phase("test")
    sets = {"probe": ProbeSet.load(study.probes), "shuffled": ProbeSet.load(study.controls / "shuffled")}
    missing = work.missing("test")
    if missing:
        examiner = _Examiner(work, sets, sums)
        for shard in missing:
            examiner.make(shard)
    work.progress.phase("gather")
    folders = [study.shard(shard.number) for shard in work.shards("test")]
    maps = [folder / "maps.safetensors" for folder in folders if (folder / "maps.safetensors").is_file()]
    write_gallery(study, maps, sets["probe"], places)
    gather((read_table(folder / "rows.parquet", SCORES) for folder in folders), study.scores)


class _Examiner:
    """Makes test shards: reads with the chosen probes, scores, and films the gallery's pictures."""

    def __init__(self, work: _Work, sets: dict[str, ProbeSet], sums: Sums) -> None:
        self._work, self._probes = work, sets["probe"]
        self._readers = chosen_readers(sets, work.places)
        self._thresholds = chosen_thresholds(sets, work.places)
        self._mean_readings = _mean_readings(self._readers, sums, work.places)
        self._positions = label_means(sums, work.places)
        self._cuts = _position_thresholds(work.study, work.places)
        self._gallery = gallery_rows(work.study)

    def make(self, shard: Shard) -> None:
        places, rows_of = self._work.places, []
        maps: dict[str, Tensor] = {}
        with self._work.keeping(shard) as keeper:
            for rows in shard.batches:
                readings, film = Readings(places, self._readers, len(rows)), Film(rows, self._gallery)
                made = self._work.make(rows, _both(readings.look, film.look))
                rows_of.append(self._rows(readings.maps, made, rows))
                maps |= film.develop(self._work.workshop.model, made, readings.maps, places, self._probes)
                keeper.keep(rows, made)
            write_table(keeper.folder / "rows.parquet", pa.concat_tables(rows_of), SCORES)
            if maps:
                save_file(maps, keeper.folder / "maps.safetensors")

    def _rows(self, maps: dict[str, Tensor], made: Made, rows: tuple[PromptRow, ...]) -> pa.Table:
        places, labels, positions = self._work.places, made.labels, self._positions
        probe = test_scores(maps, labels, places, self._thresholds, self._mean_readings, positions)
        one = {name: values.squeeze(4) for name, values in probe.items()}
        position = position_scores(labels, places, positions, self._cuts)
        ceiling = ceiling_scores(labels, places, positions)
        return pa.concat_tables(
            [
                probe_rows(one, places, rows),
                layer_rows(position, "position", places, rows),
                layer_rows(ceiling, "ceiling", places, rows),
            ]
        )


def _both(
    first: Callable[[StepRecord], None], second: Callable[[StepRecord], None]
) -> Callable[[StepRecord], None]:
    def look(record: StepRecord) -> None:
        first(record)
        second(record)

    return look


def _mean_readings(readers: dict[Place, Reader], sums: Sums, places: Places) -> dict[str, Tensor]:
    """Mean reading of each token over the fit pictures: [property, step, branch, 1, source, token]."""
    readings: dict[str, Tensor] = {}
    for layer in places.layers:
        steps = [
            torch.stack(
                [
                    readers[place].read(token_means(sums, place)[None])[0]
                    for branch in places.branches
                    for place in [(layer.name, step + 1, branch)]
                ],
                dim=1,
            )
            for step in range(places.steps)
        ]
        readings[layer.name] = torch.stack(steps, dim=1)
    return readings


def _position_thresholds(study: Study, places: Places) -> dict[str, Tensor]:
    card = json.loads((study.controls / "position.json").read_text(encoding="utf-8"))
    return {
        name: torch.tensor([of[layer.name] for layer in places.layers], dtype=torch.float64)
        for name, of in card["thresholds"].items()
    }
