"""The calibrate phase: probes of every strength are scored, and strength, threshold and best layer chosen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import torch
from safetensors.torch import save_file
from torch import Tensor

from underpainting.controls import FitPictures
from underpainting.errors import UnderpaintingError
from underpainting.probes import THRESHOLDS, ProbeSet, Scorer, save_sums
from underpainting.readers import read_tensors
from underpainting.records import remove, write_json
from underpainting.study.batch import Rows
from underpainting.study.kept.choosing import (
    Choice,
    choose,
    choose_cuts,
    chosen_scores,
    probe_sets,
    scores_at_cuts,
    strengths_at_an_end,
)
from underpainting.study.kept.classes import POOLED, ClassProbes, calibrate_class_scores, fit_class_probes
from underpainting.study.kept.scores import (
    Scores,
    ceiling_scores,
    gather,
    joined,
    layer_rows,
    place_rows,
    position_scores,
    probe_scores,
)
from underpainting.study.kept.shards import LATENTS, WORDS, Keeper, mean_scores, read_part, write_part
from underpainting.study.paths import LABELS
from underpainting.study.places import TARGETS
from underpainting.study.recorders import Pooled, Readings
from underpainting.study.request.prompts import PromptRow
from underpainting.study.schedule import Shard
from underpainting.study.work import Work
from underpainting.vocabulary import grid_name


def make(work: Work, shard: Shard, keeper: Keeper) -> None:
    """Make a calibrate shard: pictures, labels, and scores at every strength and threshold.

    It follows from its pictures and the totals.
    """
    places, positions = work.places, work.totals.positions
    scores: list[dict[str, Scores]] = []
    pooled: dict[str, Tensor] = {}

    def recorders(rows: Rows) -> tuple[Readings, Pooled | None]:
        return Readings(places, work.probes, len(rows)), work.pooled()

    for batch in work.batches(shard, keeper, recorders):
        readings, means = batch.recorders
        for i, row in enumerate(batch.rows):
            pooled |= means.of(i, row.image) if means else {}
        scorer = Scorer(batch.made.labels, places.properties, positions)
        scores.append(
            {
                **probe_scores(scorer, readings.maps, places),
                "position": position_scores(scorer, places, positions, len(batch.rows)),
                "ceiling": ceiling_scores(scorer, places),
            }
        )
    if work.loaded.classifier:
        save_file(pooled, keeper.folder / POOLED)
    with work.study.sealing(work.study.part_file(shard.number)) as temporary:
        write_part(temporary, joined(scores))


def fold(work: Work, shards: Iterable[Shard]) -> None:
    """Choose on all shards; their scores go when the choice is written."""
    made = list(shards)
    if not work.study.probes_folder.exists():
        work.progress.phase("choosing probes")
        _choose(work, made)
    for shard in made:
        remove(work.study.part_file(shard.number))


def _choose(work: Work, shards: list[Shard]) -> None:
    """Write calibrate scores, controls and probes; the probes last, as they say that all is there."""
    study, places = work.study, work.places
    aside = study.set_aside()
    sound = {
        study.part_file(shard.number): [row for row in shard.pictures if row.image not in aside]
        for shard in shards
    }
    parts = {part: rows for part, rows in sound.items() if rows}
    if not parts:
        raise UnderpaintingError(
            "every calibrate picture was set aside; give more pictures or a larger share"
        )
    for part in parts:
        study.require(part)
    strengths, classifier = study.config.probes.strengths, work.loaded.classifier
    class_probes = fit_class_probes(study, places, classifier.classes, strengths) if classifier else None
    means = mean_scores(parts)
    choices = {target: choose(means[target], places.properties) for target in TARGETS}
    for line in strengths_at_an_end(means["probe"], choices["probe"], places.properties, strengths):
        work.progress.note(line)
    cuts = choose_cuts(means["position"], places.properties)
    remove(study.calibrate_file)
    with study.sealing(study.calibrate_file) as temporary:
        gather(_tables(work, parts, choices, cuts, class_probes), temporary)
    images = {split: len(study.sound_rows(split)) for split in ("fit", "calibrate")}
    sets = probe_sets(work.probes, choices, places, strengths, study.config.model.name, images)
    remove(study.controls_folder)
    with study.atomic_folder(study.controls_folder) as folder:
        _write_controls(work, folder, sets, cuts, class_probes)
    with study.atomic_folder(study.probes_folder) as folder:
        sets["probe"].of_layers([layer.name for layer in places.watched]).save(folder)


def _tables(
    work: Work,
    parts: dict[Path, list[PromptRow]],
    choices: dict[str, dict[str, Choice]],
    cuts: dict[str, Tensor],
    class_probes: ClassProbes | None,
) -> Iterator[pa.Table]:
    """Rows of the calibrate pictures' scores at what was chosen, part by part."""
    places, classifier = work.places, work.loaded.classifier
    for part, rows in parts.items():
        scores = read_part(part)
        chosen = {target: chosen_scores(scores[target], choices[target]) for target in TARGETS}
        yield from place_rows(chosen, places, rows)
        yield layer_rows("position", scores_at_cuts(scores["position"], cuts), places, rows)
        yield layer_rows("ceiling", scores["ceiling"], places, rows)
    if class_probes and classifier:
        yield calibrate_class_scores(class_probes, work.study, places, classifier.classes)


def _write_controls(
    work: Work,
    folder: Path,
    sets: dict[str, ProbeSet],
    cuts: dict[str, Tensor],
    class_probes: ClassProbes | None,
) -> None:
    """Write what the controls need on test pictures: probes, means, thresholds, what they learn."""
    places = work.places
    watched = [layer.name for layer in places.watched]
    others = [layer.name for layer in places.layers if layer.name not in watched]
    sets["shuffled"].save(folder / "shuffled")
    sets["probe"].of_layers(others).save(folder / "stand-ins")
    save_sums(
        folder / "position.safetensors",
        {grid_name(grid): means for grid, means in work.totals.labels.items()},
    )
    thresholds = {
        name: dict(zip(watched, THRESHOLDS[cut].tolist(), strict=True)) for name, cut in cuts.items()
    }
    properties = [of.name for of in places.properties]
    write_json(folder / "position.json", {"properties": properties, "thresholds": thresholds})
    if class_probes:
        class_probes.save(folder)
    learners = [
        control
        for control in work.loaded.controls
        if control.records_latents or control.reads_prompts or control.reads_words
    ]
    if learners:
        pictures = _fit_pictures(work)
        for control in learners:
            control.train(pictures, folder)


def _fit_pictures(work: Work) -> FitPictures:
    """What controls learn from."""
    latents: dict[str, Tensor] = {}
    words: dict[str, Tensor] = {}
    labels: dict[str, Tensor] = {}
    for shard in work.study.of_split("fit"):
        labels |= read_tensors(work.study.shard_file(shard.number, LABELS))
        if work.latents():
            latents |= read_tensors(work.study.shard_file(shard.number, LATENTS))
        if work.words():
            words |= read_tensors(work.study.shard_file(shard.number, WORDS))
    rows = work.study.sound_rows("fit")
    return FitPictures(
        work.places.properties,
        {
            of.name: torch.stack([labels[f"{row.image}/{of.name}"].float() for row in rows])
            for of in work.places.properties
        },
        torch.stack([latents[row.image] for row in rows]) if latents else None,
        work.embed(tuple(rows)),
        torch.stack([words[row.image] for row in rows]) if words else None,
    )
