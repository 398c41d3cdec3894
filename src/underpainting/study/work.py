"""Making one shard: what any process needs to make any shard of a study, from what lies on disk.

A shard is made whole under a temporary name and then renamed. Making it again gives the same bytes, in
whatever process: a fit shard follows from its pictures alone, a calibrate shard from the folded moments too,
a test shard from the chosen probes as well.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import pyarrow as pa
import torch
from safetensors.torch import save_file
from torch import Tensor

from underpainting.controls import KINDS, LatentReader, load_reader
from underpainting.diffusion import StepRecord
from underpainting.errors import UnderpaintingError
from underpainting.observers.classifiers import Classifier
from underpainting.observers.classifiers.names import right_classes
from underpainting.probes import ProbeSet, TokenMeans
from underpainting.records import CLASSIFICATION, SCORES, atomic_folder, remove, write_table
from underpainting.study.choosing import chosen_readers, chosen_thresholds
from underpainting.study.classes import (
    CLASSES,
    POOLED,
    ClassProbes,
    Pooled,
    class_scores,
    classification_rows,
    classify,
    load_class_probes,
)
from underpainting.study.environment import Workshop
from underpainting.study.film import Film, filmed_rows
from underpainting.study.fitting import (
    Held,
    Sums,
    empty_sums,
    label_means,
    read_sums,
    solve,
    token_means,
    write_sums,
)
from underpainting.study.folder import Study
from underpainting.study.gallery import gallery_rows, gallery_tensors
from underpainting.study.making import Batch, Look, Made, Rows, Seen, make_batch, make_sound
from underpainting.study.network import LATENTS, Latents, Sketches, network_file
from underpainting.study.opponents import estimator_rows, look_at_steps, luminance_rows, network_rows
from underpainting.study.places import Grid, Place, Places
from underpainting.study.plan import Shard
from underpainting.study.prompts import PromptRow
from underpainting.study.reading import Reader, Readings
from underpainting.study.rows import layer_rows, probe_rows
from underpainting.study.scoring import (
    Scores,
    calibrate_scores,
    ceiling_scores,
    position_scores,
    test_scores,
)
from underpainting.study.shards import Keeper, join_scores, set_aside, write_scores


@dataclass(frozen=True)
class Work:
    """A study under way in this process.

    max_set_aside: share of the pictures that may be set aside. tick: told of pictures, or parts of one, made.
    """

    study: Study
    workshop: Workshop
    max_set_aside: float
    tick: Callable[[float], None]

    @property
    def places(self) -> Places:
        """Where probes read."""
        return self.workshop.places

    @cached_property
    def sums(self) -> Sums:
        """All fit shards' sums, once they are folded."""
        return read_sums(self.study.through(max(shard.number for shard in self.study.of_split("fit"))))

    @cached_property
    def readers(self) -> dict[Place, Reader]:
        """Probes at every ridge strength."""
        return solve(self.sums, self.places, self.study.config.probes.strengths)

    @cached_property
    def chosen(self) -> Chosen:
        """What test pictures are read with, once the choice is made."""
        return read_chosen(self.study, self.places, self.sums)

    def pool(self) -> Pooled | None:
        """What pools a batch's activations, where classes are read off them."""
        return Pooled(self.places) if self.workshop.classifier else None

    def make(self, shard: Shard) -> None:
        """Make a shard, in place of what may be left of it."""
        folder = self.study.shard(shard.number)
        remove(folder)
        remove(self.study.part(shard.number))
        aside: dict[str, str] = {}
        with atomic_folder(folder) as temporary:
            keeper = Keeper(temporary, self.places.properties)
            MAKERS[shard.split](self, shard, keeper, aside)
            keeper.close(aside)
            self._hold_to_limit(aside)

    def batches(
        self, shard: Shard, keeper: Keeper, aside: dict[str, str], observe: Callable[[Rows], Seen]
    ) -> Iterator[Batch[Seen]]:
        """Make and keep a shard's batches, each when it is asked for."""
        for rows in shard.batches:
            if batch := make_sound(rows, observe, self._make_batch, aside):
                keeper.keep(batch.rows, batch.made)
                yield batch

    def _make_batch(self, rows: Rows, look: Look) -> Made:
        return make_batch(self.workshop, rows, self.study.config.model, look, self.tick)

    def _hold_to_limit(self, aside: dict[str, str]) -> None:
        if not aside:
            return
        total = len(self.study.rows)
        known = set_aside(self.study.shard(shard.number) for shard in self.study.shards) | aside
        allowed = math.ceil(self.max_set_aside * total)
        if len(known) > allowed:
            reasons = list(aside.values())
            raise UnderpaintingError(
                f"{len(known)} of {total} pictures were set aside, {allowed} may be; mostly: "
                f"{max(reasons, key=reasons.count)}; put that right, or allow more by --max-set-aside"
            )


def _fit(work: Work, shard: Shard, keeper: Keeper, aside: dict[str, str]) -> None:
    sums, network = empty_sums(work.places), work.study.config.controls.network
    latents: dict[str, Tensor] = {}
    pooled: dict[str, Tensor] = {}
    for batch in work.batches(
        shard,
        keeper,
        aside,
        lambda rows: Fitted(Held(work.places), Latents() if network else None, work.pool()),
    ):
        batch.seen.held.add_to(sums, batch.made.labels)
        pooled |= _kept(batch.seen.pooled, batch.rows)
        if batch.seen.latents:
            latents |= {row.image: batch.seen.latents.of(i) for i, row in enumerate(batch.rows)}
    if network:
        save_file(latents, keeper.folder / LATENTS)
    if work.workshop.classifier:
        save_file(pooled, keeper.folder / POOLED)
    write_sums(work.study.part(shard.number), sums)


def _calibrate(work: Work, shard: Shard, keeper: Keeper, aside: dict[str, str]) -> None:
    places, positions = work.places, label_means(work.sums, work.places)
    scores: dict[str, list[Scores]] = {"probe": [], "position": [], "ceiling": []}
    pooled: dict[str, Tensor] = {}
    for batch in work.batches(
        shard, keeper, aside, lambda rows: Calibrated(Readings(places, work.readers, len(rows)), work.pool())
    ):
        labels = batch.made.labels
        pooled |= _kept(batch.seen.pooled, batch.rows)
        scores["probe"].append(calibrate_scores(batch.seen.readings.maps, labels, places))
        scores["position"].append(position_scores(labels, places, positions))
        scores["ceiling"].append(ceiling_scores(labels, places, positions))
    if work.workshop.classifier:
        save_file(pooled, keeper.folder / POOLED)
    write_scores(work.study.part(shard.number), {source: join_scores(of) for source, of in scores.items()})


def _test(work: Work, shard: Shard, keeper: Keeper, aside: dict[str, str]) -> None:
    places, chosen = work.places, work.chosen
    classifier, classes = work.workshop.classifier, [CLASSIFICATION.empty_table()]
    tables, maps = [SCORES.empty_table()], dict[str, Tensor]()
    for batch in work.batches(
        shard,
        keeper,
        aside,
        lambda rows: Filmed(
            Readings(places, chosen.readers, len(rows)),
            Film(rows, chosen.filmed),
            Sketches(chosen.latent_readers, places.steps),
            work.pool() if chosen.class_probes else None,
        ),
    ):
        read, made, film = batch.seen.readings.maps, batch.made, batch.seen.film
        tables.append(_test_rows(batch.rows, read, made.labels, places, chosen))
        if chosen.class_probes and classifier and batch.seen.pooled:
            pooled, probes = batch.seen.pooled.by_layer, chosen.class_probes
            tables.append(class_scores(probes, pooled, batch.rows, places, classifier.classes))
        for i, row in enumerate(batch.rows):
            shown = {"final": made.pictures[i][None]}
            labels = {name: label[i] for name, label in made.labels.items()}
            tables.append(luminance_rows(made.pictures[i], row, labels, places, chosen.positions))
            tables.append(network_rows(batch.seen.sketches.of(i), row, labels, places, chosen.positions))
            if i in film.filmed:
                frames = film.develop(work.workshop.model, i)
                looks = look_at_steps(frames, work.workshop.estimator, places)
                tables.append(estimator_rows(looks, row, labels, places, chosen.positions))
                shown |= {look: frames[look] for look in ("noisy", "clean")}
                if row in chosen.gallery:
                    noisy, sets = looks.get("noisy", {}), chosen.probes
                    maps |= gallery_tensors(frames, noisy, row.image, i, made, read, places, sets)
            if classifier:
                classes.append(_class_rows(classifier, shown, row))
    write_table(keeper.folder / "rows.parquet", pa.concat_tables(tables), SCORES)
    if classifier:
        write_table(keeper.folder / CLASSES, pa.concat_tables(classes), CLASSIFICATION)
    if maps:
        save_file(maps, keeper.folder / "maps.safetensors")


def _class_rows(classifier: Classifier, shown: Mapping[str, Tensor], row: PromptRow) -> pa.Table:
    seen = {picture: classify(classifier, frames) for picture, frames in shown.items()}
    right = right_classes(row.prompt, classifier.classes)
    return classification_rows(seen, row.image, row.prompt, classifier.classes, right)


def _kept(pooled: Pooled | None, rows: Rows) -> dict[str, Tensor]:
    if pooled is None:
        return {}
    return {name: x for i, row in enumerate(rows) for name, x in pooled.of(i, row.image).items()}


MAKERS = {"fit": _fit, "calibrate": _calibrate, "test": _test}


@dataclass(frozen=True)
class _Together:
    """Several observers as one; what is None does not look."""

    def look(self, record: StepRecord) -> None:
        """See one step, each in turn."""
        for field in fields(self):
            if observer := getattr(self, field.name):
                observer.look(record)


@dataclass(frozen=True)
class Fitted(_Together):
    """Holds activations; latents where a network is to be trained on them; means where classes are read."""

    held: Held
    latents: Latents | None
    pooled: Pooled | None


@dataclass(frozen=True)
class Calibrated(_Together):
    """Looks on with probes of every strength; holds means where classes are read."""

    readings: Readings
    pooled: Pooled | None


@dataclass(frozen=True)
class Filmed(_Together):
    """Looks on with the probes and the latents' readers, and films some of the pictures."""

    readings: Readings
    film: Film
    sketches: Sketches
    pooled: Pooled | None


@dataclass(frozen=True)
class Chosen:
    """What was chosen on the calibrate pictures, ready to read and score test pictures with.

    thresholds: by binary property [layer, step, branch, source]. mean_readings: by layer, mean reading of
    each token over the fit pictures [property, step, branch, 1, source, token]. cuts: position's thresholds.
    """

    probes: ProbeSet
    readers: dict[Place, Reader]
    thresholds: dict[str, Tensor]
    mean_readings: dict[str, Tensor]
    positions: dict[Grid, TokenMeans]
    cuts: dict[str, Tensor]
    latent_readers: dict[str, LatentReader]
    class_probes: ClassProbes | None
    filmed: list[PromptRow]
    gallery: list[PromptRow]


def read_chosen(study: Study, places: Places, sums: Sums) -> Chosen:
    """Read the choice from the study's probes and controls."""
    probes = ProbeSet.load(study.probes)
    stand_ins, shuffled = (ProbeSet.load(study.controls / name) for name in ("stand-ins", "shuffled"))
    sets = {"probe": probes | stand_ins, "shuffled": shuffled}
    readers = chosen_readers(sets, places)
    card = json.loads((study.controls / "position.json").read_text(encoding="utf-8"))
    return Chosen(
        probes=probes,
        readers=readers,
        thresholds=chosen_thresholds(sets, places),
        mean_readings=_mean_readings(readers, sums, places),
        positions=label_means(sums, places),
        cuts={
            name: torch.tensor([of[layer.name] for layer in places.layers], dtype=torch.float64)
            for name, of in card["thresholds"].items()
        },
        latent_readers={
            kind: load_reader(study.controls / network_file(kind))
            for kind in (KINDS if study.config.controls.network else ())
        },
        class_probes=load_class_probes(study.controls),
        filmed=filmed_rows(study),
        gallery=gallery_rows(study),
    )


def _test_rows(
    rows: Rows, maps: dict[str, Tensor], labels: dict[str, Tensor], places: Places, chosen: Chosen
) -> pa.Table:
    positions = chosen.positions
    probe = test_scores(maps, labels, places, chosen.thresholds, chosen.mean_readings, positions)
    one = {name: values.squeeze(4) for name, values in probe.items()}
    return pa.concat_tables(
        [
            probe_rows(one, places, rows),
            layer_rows(position_scores(labels, places, positions, chosen.cuts), "position", places, rows),
            layer_rows(ceiling_scores(labels, places, positions), "ceiling", places, rows),
        ]
    )


def _mean_readings(readers: dict[Place, Reader], sums: Sums, places: Places) -> dict[str, Tensor]:
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
