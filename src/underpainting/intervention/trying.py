"""Scoring trials of many pictures, a batch a part, in whatever process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import pyarrow as pa
import torch
from safetensors.torch import save_file
from torch import Tensor

from underpainting.findings.interventions import EVALUATIONS
from underpainting.intervention.alternatives import alternatives
from underpainting.intervention.conditions import Paint, Trial, controls, edited, variations
from underpainting.intervention.edit import Edit
from underpainting.intervention.painter import Painter, Unedited, set_up
from underpainting.intervention.trials import draw_moves, judge, targets
from underpainting.progress import Progress
from underpainting.records import INTERVENTIONS, find_fault, table_of_rows, write_table
from underpainting.study.environment import Loaded, record_environment
from underpainting.study.makers import Recipe, Whole
from underpainting.study.paths import FEATURES
from underpainting.study.request.prompts import PromptRow
from underpainting.study.schedule import in_batches
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import OBJECT

Conditions = Callable[[Painter, str, tuple[Edit, ...]], dict[str, Paint]]
"""What is compared, by name: of a painter, the property that is aimed at, and edits."""


@dataclass(frozen=True)
class Comparison:
    """What trials compare: conditions of edits, the first of which is the one that it is about.

    aim: the property whose maps are moved. trials: how many of each picture. within: the folder of the
    tables, in that of what has this aim.
    """

    aim: str
    edits: tuple[Edit, ...]
    conditions: Conditions
    trials: int
    within: str = ""


def compared(painter: Painter, aim: str, edits: tuple[Edit, ...]) -> dict[str, Paint]:
    """An edit beside its controls, what needs no look inside, and edits of other kinds."""
    edit, *others = edits
    conditions = controls(painter, aim, edit) | alternatives(painter)
    return conditions | {other.kind: edited(painter, other) for other in others}


def varied(painter: Painter, aim: str, edits: tuple[Edit, ...]) -> dict[str, Paint]:
    """See `conditions.variations`."""
    return variations(painter, edits[0])


def tried(painter: Painter, aim: str, edits: tuple[Edit, ...]) -> dict[str, Paint]:
    """Edits by their numbers, from 0."""
    return {str(number): edited(painter, edit) for number, edit in enumerate(edits)}


@dataclass(frozen=True)
class TrialBatch:
    """Pictures that are painted together: the number of the first, and how many paintings that takes."""

    start: int
    rows: tuple[PromptRow, ...]
    size: int

    @property
    def name(self) -> str:
        """What a line calls it."""
        return f"the batch of {self.rows[0].image}"


@dataclass(frozen=True)
class TrialMaker:
    """Scores batches, a table and a file of features each in a folder (see `makers.Maker`)."""

    painter: Painter
    comparison: Comparison
    root: Path
    progress: Progress

    @property
    def recipe(self) -> Recipe:
        """Another process has a painter of its own."""
        return partial(_elsewhere, self.comparison)

    @property
    def folder(self) -> Path:
        """Where the tables lie."""
        return self.root / self.comparison.within

    @property
    def places(self) -> Sequence[Path]:
        """The folder alone."""
        return (self.folder,)

    @cached_property
    def conditions(self) -> dict[str, Paint]:
        """What is compared, by name."""
        return self.comparison.conditions(self.painter, self.comparison.aim, self.comparison.edits)

    def takes(self, batch: TrialBatch) -> Sequence[Path]:
        """What a painter takes."""
        study = self.painter.study
        return study.environment_file, study.totals_file, study.probes_folder

    def table_file(self, batch: TrialBatch) -> Path:
        """A batch's table, there when the batch is whole."""
        return self.folder / f"{batch.start:05d}.parquet"

    def make(self, batch: TrialBatch) -> Whole:
        """Paint and score a batch under every condition of every trial."""
        study, path = self.painter.study, self.table_file(batch)
        scored, none = list(self._scored(batch.rows)), table_of_rows(INTERVENTIONS, ())
        features = path.with_suffix(FEATURES)
        with study.sealing(features) as temporary:
            save_file(joined([seen for _, seen in scored]), temporary)
        with study.sealing(path) as temporary:
            write_table(temporary, pa.concat_tables([none, *(rows for rows, _ in scored)]), INTERVENTIONS)
        return Whole((features, path))

    def fault(self, arrived: Path, target: Path) -> str | None:
        """By its seal."""
        return find_fault(arrived, self.painter.study.origin(target))

    def _scored(self, rows: Sequence[PromptRow]) -> Iterator[tuple[pa.Table, dict[str, Tensor]]]:
        """By trial and condition: rows, and features of the pictures if the classifier has any."""
        painter, aim, loaded = self.painter, self.comparison.aim, self.painter.loaded
        features = getattr(loaded.classifier, "features", None)
        properties = loaded.places.properties
        for unedited in unedited_batches(painter, rows, aim, self.progress):
            for number in range(self.comparison.trials):
                trial = trial_of(painter, unedited, aim, number)
                for condition, paint in self.conditions.items():
                    painting = paint(trial)
                    pictures = painting.pictures
                    labels, target = painter.labels(pictures), trial.target
                    scores = judge(pictures, labels, unedited, target, properties, loaded.classifier)
                    scores["", EVALUATIONS] = torch.full((len(pictures),), float(painting.evaluations))
                    rows_of = _rows(unedited.rows, number, condition, aim, scores)
                    yield rows_of, {condition: features(pictures).cpu()} if features else {}
                    self.progress.advance(len(unedited.rows))


def _elsewhere(
    comparison: Comparison, study: StudyFolder, loaded: Loaded, root: Path
) -> tuple[TrialMaker, Sequence[str]]:
    differing = record_environment(study, loaded)
    return TrialMaker(set_up(study, loaded), comparison, root, Progress()), differing


def joined(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors of the same name one after the other."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: torch.cat([part[name] for part in parts if name in part]) for name in names}


def unedited_batches(
    painter: Painter, rows: Sequence[PromptRow], aim: str, progress: Progress
) -> Iterator[Unedited]:
    """Batches of unedited pictures, without those in which there is nothing to move."""
    for batch in in_batches(rows, painter.study.config.run.batch_size):
        unedited = painter.unedited(batch)
        progress.advance(len(batch))
        seen = [bool(of.amax() > of.amin()) for of in _moved_maps(unedited, aim)]
        if all(seen):
            yield unedited
        elif any(seen):
            yield painter.unedited([row for row, is_seen in zip(batch, seen, strict=True) if is_seen])


def trial_of(painter: Painter, unedited: Unedited, aim: str, number: int) -> Trial:
    """The trial of that number of unedited pictures."""
    moves = draw_moves(_moved_maps(unedited, aim), [row.seed for row in unedited.rows], number)
    return Trial(unedited, moves, targets(unedited.labels, moves, painter.loaded.places.properties), number)


def _moved_maps(unedited: Unedited, aim: str) -> Tensor:
    """Maps of what is moved: the object's, where it is known."""
    return unedited.labels.get(OBJECT, unedited.labels[aim])


def _rows(
    rows: Sequence[PromptRow],
    trial: int,
    condition: str,
    aim: str,
    scores: Mapping[tuple[str, str], Tensor],
) -> pa.Table:
    return table_of_rows(
        INTERVENTIONS,
        (
            (row.image, row.prompt, trial, condition, aim, *score, value)
            for score, values in scores.items()
            for row, value in zip(rows, values.tolist(), strict=True)
        ),
    )
