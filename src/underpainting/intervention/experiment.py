"""Interventions scored as a causal claim: many pictures, random targets, and controls beside each edit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from safetensors.torch import save_file
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.findings.distances import kernel_kinds, kinds
from underpainting.findings.interventions import EVALUATIONS, KEPT, NULL, interventions
from underpainting.intervention.conditions import Paint, Trial, edited
from underpainting.intervention.edit import Edit, make_edit
from underpainting.intervention.painter import Painter, Unedited
from underpainting.intervention.trials import draw_moves, judge, targets
from underpainting.progress import Progress
from underpainting.readers import read_json, read_tensors
from underpainting.records import INTERVENTIONS, table_of_rows, write_json, write_table
from underpainting.study.batch import to_bytes
from underpainting.study.paths import FEATURES
from underpainting.study.request.prompts import PromptRow, prompt_numbers
from underpainting.study.schedule import in_batches
from underpainting.study.sealed import ASK_AGAIN
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import OBJECT

KINDS = ("carry", "covariance")
LOOKED_AT = 6, 4  # pictures and targets kept for looking at


def candidates(aim: str) -> list[Edit]:
    """Edits that are tried before one is chosen: kinds, strengths and steps."""
    last = (5, 8) if aim == OBJECT else (3, 5, 8)
    return [
        Edit.model_validate({"kind": kind, "strength": strength, "last": step, "properties": (aim,)})
        for kind in (KINDS if aim == OBJECT else ("covariance",))
        for strength in (1.5, 2.5)
        for step in last
    ]


def chosen_edit(study: StudyFolder, aim: str) -> Edit | None:
    """The edit that was chosen for a property, where one was."""
    path = study.chosen_edit_file(aim)
    return make_edit(read_json(path)["chosen"]) if study.has(path, ASK_AGAIN) else None


def choose_edit(painter: Painter, aim: str, progress: Progress) -> Edit:
    """The edit that moves a property's map best on calibrate pictures, where a lost class counts as nothing.

    All that was tried stands in `choice.json`; where it is there, nothing is tried again.
    """
    if chosen := chosen_edit(painter.study, aim):
        return chosen
    rows = painter.study.sound_rows("calibrate")
    edits = [edit for edit in candidates(aim) if edit.last <= painter.probes.steps]
    if not edits:
        edits = [edit.model_copy(update={"last": painter.probes.steps}) for edit in candidates(aim)]
    progress.start(len(rows) * (len(edits) + 1))
    progress.phase(f"choosing an edit of {aim}")
    tried = {str(number): edited(painter, edit) for number, edit in enumerate(edits)}
    found = interventions(pa.concat_tables(of for of, _ in _scored(painter, aim, rows, tried, 1, progress)))
    about = [
        {
            "edit": edit.model_dump(mode="json"),
            **{of.metric: of.mean for of in found if of.condition == str(i) and of.property in (aim, "")},
        }
        for i, edit in enumerate(edits)
    ]
    chosen = max(zip(edits, about, strict=True), key=lambda of: float(str(of[1]["target_if_kept"])))[0]
    with painter.study.sealing(painter.study.chosen_edit_file(aim)) as temporary:
        write_json(temporary, {"chosen": chosen.model_dump(mode="json"), "tried": about})
    return chosen


def beside(study: StudyFolder, aim: str, edit: Edit) -> list[Edit]:
    """The best edit of each kind other than an edit's own among those that were tried for a property.

    Where none was tried, the edit's settings with the other kind.
    """
    path = study.chosen_edit_file(aim)
    tried = read_json(path)["tried"] if study.has(path, ASK_AGAIN) else []
    found = []
    for kind in KINDS:
        of_kind = [about for about in tried if about["edit"]["kind"] == kind]
        if kind != edit.kind:
            best = max(of_kind, key=lambda about: float(about["target_if_kept"]), default=None)
            found.append(make_edit(best["edit"]) if best else edit.model_copy(update={"kind": kind}))
    return found


def run_experiment(
    painter: Painter,
    aim: str,
    edit: Edit,
    conditions: Mapping[str, Paint],
    folder: Path,
    *,
    pictures: int,
    trials: int,
    progress: Progress,
) -> pa.Table:
    """Every condition of every trial on the first test pictures of different prompts.

    Batches that are done are kept in the folder and not made again. Returns rows of `INTERVENTIONS`.
    Raises UnderpaintingError where the folder's were made by another edit.
    """
    study = painter.study
    rows = one_a_prompt(study.sound_rows("test"))[:pictures]
    asked = {"edit": edit.model_dump(mode="json"), "pictures": len(rows), "trials": trials}
    card = folder / "experiment.json"
    if study.has(card, ASK_AGAIN) and read_json(card) != asked:
        raise UnderpaintingError(f"{folder} holds another experiment; remove it, or ask for the same")
    with study.sealing(card) as temporary:
        write_json(temporary, asked)
    size = painter.study.config.run.batch_size
    parts = {folder / f"{i * size:05d}.parquet": of for i, of in enumerate(in_batches(rows, size))}
    missing = {path: of for path, of in parts.items() if not study.has(path, ASK_AGAIN)}
    each = 1 + trials * len(conditions)
    progress.start(len(rows) * each, (len(rows) - sum(map(len, missing.values()))) * each)
    progress.phase(f"moving {aim}")
    for path, of in missing.items():
        scored = list(_scored(painter, aim, of, conditions, trials, progress))
        table = pa.concat_tables(rows for rows, _ in scored)
        with study.sealing(path.with_suffix(FEATURES)) as temporary:
            save_file(_joined([seen for _, seen in scored]), temporary)
        with study.sealing(path) as temporary:
            write_table(temporary, table, INTERVENTIONS)
    return pa.concat_tables([study.table(path, INTERVENTIONS) for path in parts])


def distances(study: StudyFolder, folder: Path) -> dict[str, Any]:
    """Whether an experiment's pictures are still of their kind, in the features of the study's classifier.

    `kernel`: by condition `mean`, `low`, `high` of `findings.distances.kernel_distance` from the unedited
    pictures; `frechet`: see `findings.distances.kinds`. Nothing where the classifier gives no features.
    """
    starts = {path.name.partition(".")[0] for path in folder.glob("[0-9]*")}
    parts = [folder / f"{start}.parquet" for start in sorted(starts)]
    seen = _joined([read_tensors(study.require(path.with_suffix(FEATURES), ASK_AGAIN)) for path in parts])
    features = {name: of.double().numpy() for name, of in seen.items()}
    if not features:
        return {}
    rows = pa.concat_tables(study.table(path, INTERVENTIONS) for path in parts)
    painted = rows.filter((pc.field("condition") == NULL) & (pc.field("metric") == KEPT))
    prompts = np.array(painted["prompt"].to_pylist())  # a row a picture, in the order of the features
    kernel = kernel_kinds(features, NULL, prompts)
    return {
        "kernel": {name: asdict(of) for name, of in kernel.items()},
        "frechet": kinds(features, NULL),
    }


def _joined(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors of the same name one after the other."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: torch.cat([part[name] for part in parts if name in part]) for name in names}


def keep_examples(painter: Painter, aim: str, edit: Edit, progress: Progress) -> None:
    """Keep a few test pictures, each with the pictures painted for several targets, for looking at.

    `examples.safetensors`: before [picture, height, width, 3] uint8, after [picture, trial, height, width, 3]
    uint8, target [picture, trial, height, width] float16. Nothing is made where it is there.
    """
    path = painter.study.examples_file(aim)
    if painter.study.has(path, ASK_AGAIN):
        return
    pictures, trials = LOOKED_AT
    rows = one_a_prompt(painter.study.sound_rows("test"))[:pictures]
    before, after, target = [], [], []
    progress.start(len(rows) * (1 + trials))
    progress.phase("examples to look at")
    for unedited in _unedited(painter, rows, aim, progress):
        of, painted = [_trial(painter, unedited, aim, trial) for trial in range(trials)], []
        for trial in of:
            painted.append(edited(painter, edit)(trial).pictures)
            progress.advance(len(unedited.rows))
        before.append(unedited.pictures)
        after.append(torch.stack(painted, dim=1))
        target.append(torch.stack([trial.target[aim] for trial in of], dim=1))
    tensors = {
        "before": to_bytes(torch.cat(before).movedim(-3, -1)).contiguous(),
        "after": to_bytes(torch.cat(after).movedim(-3, -1)).contiguous(),
        "target": torch.cat(target).half().contiguous(),
    }
    with painter.study.sealing(path) as temporary:
        save_file(tensors, temporary)


def _scored(
    painter: Painter,
    aim: str,
    rows: Sequence[PromptRow],
    conditions: Mapping[str, Paint],
    trials: int,
    progress: Progress,
) -> Iterator[tuple[pa.Table, dict[str, Tensor]]]:
    """By trial and condition of each batch: rows, and features of its pictures if the classifier has any."""
    loaded = painter.loaded
    features = getattr(loaded.classifier, "features", None)
    properties = loaded.places.properties
    for unedited in _unedited(painter, rows, aim, progress):
        for number in range(trials):
            trial = _trial(painter, unedited, aim, number)
            for condition, paint in conditions.items():
                painting = paint(trial)
                pictures = painting.pictures
                labels, target = painter.labels(pictures), trial.target
                scores = judge(pictures, labels, unedited, target, properties, loaded.classifier)
                scores["", EVALUATIONS] = torch.full((len(pictures),), float(painting.evaluations))
                rows_of = _rows(unedited.rows, number, condition, aim, scores)
                yield rows_of, {condition: features(pictures).cpu()} if features else {}
                progress.advance(len(unedited.rows))


def _unedited(
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


def _moved_maps(unedited: Unedited, aim: str) -> Tensor:
    """Maps of what is moved: the object's, where it is known."""
    return unedited.labels.get(OBJECT, unedited.labels[aim])


def _trial(painter: Painter, unedited: Unedited, aim: str, number: int) -> Trial:
    moves = draw_moves(_moved_maps(unedited, aim), [row.seed for row in unedited.rows], number)
    return Trial(unedited, moves, targets(unedited.labels, moves, painter.loaded.places.properties), number)


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


def one_a_prompt(rows: Sequence[PromptRow]) -> list[PromptRow]:
    """The first picture of every prompt."""
    _, first = np.unique(prompt_numbers(rows), return_index=True)
    return [rows[i] for i in sorted(first)]
