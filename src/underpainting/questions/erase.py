"""What carries the layout: while pictures are made, what a probe reads is erased. Does the layout go?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor

from underpainting.diffusion import StepRecord
from underpainting.findings.erasure import (
    ANOTHER,
    POSITION,
    Erasure,
    erasures,
    title,
)
from underpainting.intervention.act import seeing_painter
from underpainting.intervention.changes import Change
from underpainting.intervention.edit import Where, make_where
from underpainting.intervention.erasing import changes, refitted, targets
from underpainting.intervention.experiment import one_a_prompt
from underpainting.intervention.kept import name_of
from underpainting.intervention.painter import Painter, Unedited, check_edit
from underpainting.intervention.trials import judge
from underpainting.probes import Probe, Scorer
from underpainting.progress import Progress
from underpainting.records import ERASED as SCHEMA
from underpainting.records import table_of_rows, write_json, write_table
from underpainting.study.kept.gallery import spread
from underpainting.study.request.prompts import PromptRow
from underpainting.study.schedule import in_batches
from underpainting.study.sealed import ASK_AGAIN
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import ALL, BRANCHES, Place

FIT_PICTURES = 128
PICTURE_METRICS = ("own", "class_kept", "class_right", "colour_change", "background_change")
Row = tuple[str, str, str, str, int, str, str, float]


@dataclass(frozen=True)
class Erased:
    """What came of erasing a property: where that was, a summary of every score, the file of all scores."""

    where: Where
    rows: list[Erasure]
    file: Path


def erase(
    study: StudyFolder,
    property: str,
    where: Mapping[str, Any] | None = None,
    *,
    pictures: int = 100,
    fit_pictures: int = FIT_PICTURES,
    progress: Progress | None = None,
) -> Erased:
    """Make test pictures, one a prompt, while a property is erased of activations, and beside controls.

    where: settings of `Where` that are given; without them all layers, steps and branches of the network.
    fit_pictures: how many pictures erasers, and probes of what they leave, are solved from, in one batch.

    Scores are kept in `interventions/PROPERTY/erased-….parquet`; asked the same again, they are read there.
    Raises UnderpaintingError where the study is not done, or has no such property, layer, step or branch.
    """
    probes, guided = study.probes, study.config.model.guidance_scale > 1
    defaults = {"last": probes.steps, "branches": BRANCHES if guided else BRANCHES[:1]}
    asked = make_where({**defaults, **(where or {}), "properties": (property,)})
    check_edit(study, probes, asked)
    about = {"where": asked.model_dump(mode="json"), "pictures": pictures, "fit_pictures": fit_pictures}
    file = study.interventions_folder / property / f"erased-{name_of(about)}.parquet"
    if not study.has(file, ASK_AGAIN):
        painter = seeing_painter(study)
        painter.layers(asked)
        fit, test = study.sound_rows("fit"), one_a_prompt(study.sound_rows("test"))[:pictures]
        table = measure(painter, asked, spread(fit, fit_pictures), test, progress or Progress())
        with study.sealing(file.with_suffix(".json")) as temporary:
            write_json(temporary, about)
        with study.sealing(file) as temporary:
            write_table(temporary, table, SCHEMA)
    layers = [of.name for of in probes.layers] if asked.layers == (ALL,) else asked.layers
    return Erased(asked, erasures(study.table(file, SCHEMA), layers, asked.last), file)


def measure(
    painter: Painter,
    where: Where,
    fit: Sequence[PromptRow],
    test: Sequence[PromptRow],
    progress: Progress,
) -> pa.Table:
    """Every score of test pictures under every condition: rows of `ERASED`."""
    property = where.properties[0]
    labels = targets(painter, fit)
    conditions = changes(painter, property, labels)
    progress.start(len(conditions) * (len(fit) + len(test)))
    probes = {}
    for condition, (fitting, _) in conditions.items():
        progress.phase(f"fit pictures, erased: {title(condition)}")
        probes[condition] = refitted(painter, where, fitting, fit, labels, progress.advance)
    rows: list[Row] = []
    for batch in in_batches(test, painter.study.config.run.batch_size):
        unedited = None
        for condition, (_, then) in conditions.items():
            progress.phase(f"test pictures, erased: {title(condition)}")
            taken: list[Tensor] = []
            read: dict[str, list[Tensor]] = {}
            look = _reading(probes[condition], read)
            acting = painter.acting(where, _sized(then, taken))
            made = painter.paint(batch, acting, look=look, tick=progress.advance).pictures
            seen = painter.labels(made)
            unedited = unedited or Unedited(tuple(batch), made, seen, {}, ())
            scores = _picture_scores(painter, made, seen, unedited)
            scores["", 0, "", "change"] = torch.stack(taken).mean(0)
            scores |= _read_scores(painter, property, where.first, read, unedited)
            rows += _rows(batch, condition, scores)
        assert unedited is not None
        rows += _rows(batch, POSITION, _position_scores(painter, property, unedited))
        if len(batch) > 1:
            others = {name: of.roll(1, 0) for name, of in unedited.labels.items()}
            scores = _picture_scores(painter, unedited.pictures.roll(1, 0), others, unedited)
            rows += _rows(batch, ANOTHER, scores)
    return table_of_rows(SCHEMA, rows)


def _sized(change: Change, taken: list[Tensor]) -> Change:
    """The same change, which also tells its norm in each picture as a share of the activations'."""

    def told(place: Place, x: Tensor) -> Tensor:
        given = change(place, x)
        norms = (torch.linalg.vector_norm(of.float(), dim=(1, 2)) for of in (given, x))
        taken.append((next(norms) / next(norms).clamp(min=1e-12)).cpu())
        return given

    return told


def _reading(probes: Mapping[Place, Probe], read: dict[str, list[Tensor]]) -> Callable[[StepRecord], None]:
    """Reads every place that has a probe: by layer, at each step, [picture, token]."""

    def look(record: StepRecord) -> None:
        for layer, by_branch in record.activations.items():
            for branch, x in by_branch.items():
                if probe := probes.get(Place(layer, record.step, branch)):
                    read.setdefault(layer, []).append(probe.apply(x).cpu())

    return look


Scores = dict[tuple[str, int, str, str], Tensor]
"""Scores [picture] by layer, step, property and metric."""


def _picture_scores(
    painter: Painter, pictures: Tensor, labels: Mapping[str, Tensor], unedited: Unedited
) -> Scores:
    """What `judge` says of pictures, with their labels, whose maps are to stay as they were."""
    properties, classifier = painter.loaded.places.properties, painter.loaded.classifier
    scores = judge(pictures, labels, unedited, unedited.labels, properties, classifier)
    return {("", 0, *key): of for key, of in scores.items() if key[1] in PICTURE_METRICS}


def _read_scores(
    painter: Painter, property: str, first: int, read: Mapping[str, Sequence[Tensor]], unedited: Unedited
) -> Scores:
    """How well the unedited pictures' labels are read at every layer, and step from the first on."""
    of = next(own for own in painter.loaded.places.properties if own.name == property)
    scorer, found = Scorer(unedited.labels, [of]), {}
    for layer, steps in read.items():
        maps = torch.stack(list(steps), dim=1)
        scores = scorer.scores(property, maps, painter.grids[layer], parts=False)[of.free_metric]
        for i, score in enumerate(scores.unbind(1)):
            found[layer, first + i, property, of.free_metric] = score
    return found


def _position_scores(painter: Painter, property: str, unedited: Unedited) -> Scores:
    """The same of each layer's mean label over the study's fit pictures, at step 0."""
    target = [of.name for of in painter.loaded.places.properties].index(property)
    positions = painter.totals.positions
    maps = {
        layer: [positions[grid][target].expand(len(unedited.rows), -1)]
        for layer, grid in painter.grids.items()
    }
    return _read_scores(painter, property, 0, maps, unedited)


def _rows(pictures: Sequence[PromptRow], condition: str, scores: Scores) -> Iterator[Row]:
    for (layer, step, name, metric), values in scores.items():
        for row, value in zip(pictures, values.tolist(), strict=True):
            yield (row.image, row.prompt, condition, layer, step, name, metric, value)
