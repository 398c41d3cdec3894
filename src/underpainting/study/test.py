"""The test phase: test pictures are read by the chosen probes, looked at by the controls, and scored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
from safetensors.torch import save_file
from torch import Tensor

from underpainting.controls import FinishedPicture, Maps, sources
from underpainting.observers.class_names import right_classes
from underpainting.observers.classifiers import Classifier
from underpainting.probes import Scorer
from underpainting.readers import read_tensors
from underpainting.records import CLASSIFICATION, SCORES, read_table, remove, write_table
from underpainting.study.batch import Batch, Rows
from underpainting.study.kept.classes import CLASSES, class_scores, classification_rows, classify
from underpainting.study.kept.gallery import filmed_rows, gallery_rows, gallery_tensors, write_gallery
from underpainting.study.kept.scores import (
    ceiling_scores,
    gather,
    layer_rows,
    place_rows,
    position_scores,
    probe_scores,
    score_rows,
)
from underpainting.study.kept.shards import MAPS, ROWS, Keeper
from underpainting.study.labels import label_pictures
from underpainting.study.recorders import Film, Latents, Pooled, Readings, Words
from underpainting.study.request.brought import BroughtLabels
from underpainting.study.request.prompts import PromptRow
from underpainting.study.schedule import Shard
from underpainting.study.work import Work

Recorded = tuple[Readings, Film, Latents | None, Words | None, Pooled | None]


def make(work: Work, shard: Shard, keeper: Keeper) -> None:
    """Make a test shard: pictures, labels, scores, and what the gallery shows of some of them.

    It follows from its pictures, the totals and the choice.
    """
    filmed, shown = filmed_rows(work.study), set(gallery_rows(work.study))
    classifier, classes = work.loaded.classifier, [CLASSIFICATION.empty_table()]
    tables, maps = [SCORES.empty_table()], dict[str, Tensor]()

    def recorders(rows: Rows) -> Recorded:
        readings = Readings(work.places, work.chosen.probes, len(rows))
        return readings, Film(rows, filmed), work.latents(), work.words(), work.pooled()

    for batch in work.batches(shard, keeper, recorders):
        scorer = Scorer(batch.made.labels, work.places.properties, work.chosen.positions)
        tables += _batch_tables(work, batch, scorer)
        prompts = work.embed(batch.rows)
        for i, row in enumerate(batch.rows):
            seen = _look(work, batch, i, None if prompts is None else prompts[i])
            tables += _map_tables(work, scorer.of_picture(i), row, seen)
            if classifier:
                classes.append(_class_rows(classifier, seen, row))
            if row in shown:
                maps |= gallery_tensors(
                    row.image,
                    i,
                    batch.made,
                    batch.recorders[0],
                    seen.frames,
                    seen.maps.get("estimator:noisy", {}),
                    seen.words,
                    work.chosen,
                )
    write_table(keeper.folder / ROWS, pa.concat_tables(tables), SCORES)
    if classifier:
        write_table(keeper.folder / CLASSES, pa.concat_tables(classes), CLASSIFICATION)
    if maps:
        save_file(maps, keeper.folder / MAPS)


def fold(work: Work, shards: Iterable[Shard]) -> None:
    """Put gallery and scores together from the shards; what was made of old ones goes."""
    study, numbers = work.study, [shard.number for shard in shards]
    work.progress.phase("gathering scores")
    for path in study.outcomes[1:]:
        remove(path)
    maps: dict[str, Tensor] = {}
    for number in numbers:
        file = study.shard_file(number, MAPS)
        maps |= read_tensors(file) if file.is_file() else {}
    write_gallery(study, maps, work.places)
    if work.loaded.classifier:
        seen = (read_table(study.shard_file(number, CLASSES), CLASSIFICATION) for number in numbers)
        with study.sealing(study.classification_file) as temporary:
            gather(seen, temporary, CLASSIFICATION)
    scores = (read_table(study.shard_file(number, ROWS), SCORES) for number in numbers)
    with study.sealing(study.scores_file) as temporary:
        gather(scores, temporary)


@dataclass(frozen=True)
class _Seen:
    """What controls say of one picture, by source; its frames by look, if it was filmed; its object's word's
    maps, if they are watched.
    """

    picture: Tensor
    frames: Mapping[str, Tensor]
    words: Tensor | None
    maps: Mapping[str, Maps]
    thresholds: Mapping[str, float]


def _batch_tables(work: Work, batch: Batch[Recorded], scorer: Scorer) -> Iterator[pa.Table]:
    """Rows of probes, what stands in for layers, position, ceiling and class probes."""
    places, chosen, rows = work.places, work.chosen, batch.rows
    readings, *_, pooled = batch.recorders
    scores = probe_scores(scorer, readings.maps, places, chosen.thresholds, chosen.mean_readings)
    yield from place_rows(scores, places, rows)
    position = position_scores(scorer, places, chosen.positions, len(rows), chosen.cuts)
    yield layer_rows("position", position, places, rows)
    yield layer_rows("ceiling", ceiling_scores(scorer, places), places, rows)
    if chosen.class_probes and pooled and work.loaded.classifier:
        classes = work.loaded.classifier.classes
        yield class_scores(chosen.class_probes, pooled.by_layer, rows, places, classes)


def _look(work: Work, batch: Batch[Recorded], i: int, prompt: Tensor | None) -> _Seen:
    """Let the controls look at a batch's `i`-th picture, whose prompt has that embedding."""
    _, film, latents, words, _ = batch.recorders
    properties, labeller = work.places.properties, work.loaded.labeller
    picture = FinishedPicture(
        batch.made.pictures[i],
        film.develop(work.loaded.model, i),
        latents.of(i) if latents else None,
        None
        if isinstance(labeller, BroughtLabels)
        else lambda pictures: label_pictures(labeller, pictures, properties),
        properties,
        prompt,
        words.of(i) if words else None,
    )
    maps: dict[str, Maps] = {}
    thresholds: dict[str, float] = {}
    for control in work.chosen.controls:
        own = control.maps(picture)
        maps |= own
        thresholds |= dict.fromkeys(own, control.threshold)
    return _Seen(picture.picture, picture.frames, picture.words, maps, thresholds)


def _map_tables(work: Work, scorer: Scorer, row: PromptRow, seen: _Seen) -> Iterator[pa.Table]:
    """Rows of the controls that gave maps of one picture; they belong to no layer and no branch."""
    known = sources()
    for source, own in seen.maps.items():
        steps = range(1, work.places.steps + 1) if known[source].has_step else [0]
        scores = {
            (name, metric): values[:, None, :, None]
            for name, maps in own.items()
            for metric, values in scorer.map_scores(name, maps[None], seen.thresholds[source]).items()
        }
        yield score_rows(source, scores, [row], [""], steps, [""])


def _class_rows(classifier: Classifier, seen: _Seen, row: PromptRow) -> pa.Table:
    shown = {"final": seen.picture[None]}
    shown |= {look: seen.frames[look] for look in ("noisy", "clean") if look in seen.frames}
    probabilities = {picture: classify(classifier, frames) for picture, frames in shown.items()}
    right = right_classes(row.prompt, classifier.classes)
    return classification_rows(probabilities, row.image, row.prompt, classifier.classes, right)
