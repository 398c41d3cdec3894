"""Interventions scored as a causal claim: many pictures, random targets, and controls beside each edit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.findings.frechet import kinds
from underpainting.findings.interventions import NULL, interventions
from underpainting.intervention.conditions import Paint, Trial, edited
from underpainting.intervention.edit import Edit, make_edit
from underpainting.intervention.painter import Painter, Unedited
from underpainting.intervention.trials import draw_moves, judge, targets
from underpainting.progress import Progress
from underpainting.records import INTERVENTIONS, make_table, read_table, sealing, write_json, write_table
from underpainting.study.batch import to_bytes
from underpainting.study.request.prompts import PromptRow, prompt_numbers
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import OBJECT

FEATURES = ".features.safetensors"
LOOKED_AT = 6, 4  # pictures and targets kept for looking at


def candidates(aim: str) -> list[Edit]:
    """Edits that are tried before one is chosen: kinds, strengths and steps."""
    last = (5, 8) if aim == OBJECT else (3, 5, 8)
    return [
        Edit.model_validate({"kind": kind, "strength": strength, "last": step, "properties": (aim,)})
        for kind in (("carry", "covariance") if aim == OBJECT else ("covariance",))
        for strength in (1.5, 2.5)
        for step in last
    ]


def chosen_edit(study: StudyFolder, aim: str) -> Edit | None:
    """The edit that was chosen for a property, where one was."""
    path = _choice(study, aim)
    return make_edit(json.loads(path.read_text(encoding="utf-8"))["chosen"]) if path.is_file() else None


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
    with sealing(_choice(painter.study, aim)) as temporary:
        write_json(temporary, {"chosen": chosen.model_dump(mode="json"), "tried": about})
    return chosen


def _choice(study: StudyFolder, aim: str) -> Path:
    return study.interventions_folder / aim / "choice.json"


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
    rows = one_a_prompt(painter.study.sound_rows("test"))[:pictures]
    asked = {"edit": edit.model_dump(mode="json"), "pictures": len(rows), "trials": trials}
    card = folder / "experiment.json"
    if card.is_file() and json.loads(card.read_text(encoding="utf-8")) != asked:
        raise UnderpaintingError(f"{folder} holds another experiment; remove it, or ask for the same")
    with sealing(card) as temporary:
        write_json(temporary, asked)
    parts = {folder / f"{start:05d}.parquet": of for start, of in _batches(painter, rows)}
    missing = {path: of for path, of in parts.items() if not path.is_file()}
    each = 1 + trials * len(conditions)
    progress.start(len(rows) * each, (len(rows) - sum(map(len, missing.values()))) * each)
    progress.phase(f"moving {aim}")
    for path, of in missing.items():
        scored = list(_scored(painter, aim, of, conditions, trials, progress))
        table = pa.concat_tables(rows for rows, _ in scored)
        with sealing(path.with_suffix(FEATURES)) as temporary:
            save_file(_joined([seen for _, seen in scored]), temporary)
        with sealing(path) as temporary:
            write_table(temporary, table, INTERVENTIONS)
    return pa.concat_tables([read_table(path, INTERVENTIONS) for path in parts])


def distances(folder: Path) -> dict[str, float]:
    """Whether an experiment's pictures are still of their kind: see `findings.frechet.kinds`.

    In the features of the study's classifier, where it gives them; else nothing.
    """
    features = _joined([load_file(path) for path in sorted(folder.glob(f"[0-9]*{FEATURES}"))])
    return kinds({name: of.double().numpy() for name, of in features.items()}, NULL) if features else {}


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
    if path.is_file():
        return
    pictures, trials = LOOKED_AT
    rows = one_a_prompt(painter.study.sound_rows("test"))[:pictures]
    before, after, target = [], [], []
    progress.start(len(rows) * (1 + trials))
    progress.phase("examples to look at")
    for unedited in _unedited(painter, rows, aim, progress):
        of, painted = [_trial(painter, unedited, aim, trial) for trial in range(trials)], []
        for trial in of:
            painted.append(edited(painter, edit)(trial))
            progress.advance(len(unedited.rows))
        before.append(unedited.pictures)
        after.append(torch.stack(painted, dim=1))
        target.append(torch.stack([trial.target[aim] for trial in of], dim=1))
    tensors = {
        "before": to_bytes(torch.cat(before).movedim(-3, -1)).contiguous(),
        "after": to_bytes(torch.cat(after).movedim(-3, -1)).contiguous(),
        "target": torch.cat(target).half().contiguous(),
    }
    with sealing(path) as temporary:
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
                pictures = paint(trial)
                labels, target = painter.labels(pictures), trial.target
                scores = judge(pictures, labels, unedited, target, properties, loaded.classifier)
                rows_of = _rows(unedited.rows, number, condition, aim, scores)
                yield rows_of, {condition: features(pictures).cpu()} if features else {}
                progress.advance(len(unedited.rows))


def _unedited(
    painter: Painter, rows: Sequence[PromptRow], aim: str, progress: Progress
) -> Iterator[Unedited]:
    """Batches of unedited pictures, without those in which there is nothing to move."""
    for _, batch in _batches(painter, rows):
        unedited = painter.unedited(batch)
        progress.advance(len(batch))
        seen = [bool(of.amax() > of.amin()) for of in _moved_maps(unedited, aim)]
        if all(seen):
            yield unedited
        elif any(seen):
            yield painter.unedited([row for row, is_seen in zip(batch, seen, strict=True) if is_seen])


def _batches(painter: Painter, rows: Sequence[PromptRow]) -> Iterator[tuple[int, Sequence[PromptRow]]]:
    size = painter.study.config.run.batch_size
    return ((start, rows[start : start + size]) for start in range(0, len(rows), size))


def _moved_maps(unedited: Unedited, aim: str) -> Tensor:
    """Maps of what is moved: the object's, where it is known."""
    return unedited.labels.get(OBJECT, unedited.labels[aim])


def _trial(painter: Painter, unedited: Unedited, aim: str, number: int) -> Trial:
    moves = draw_moves(_moved_maps(unedited, aim), [row.seed for row in unedited.rows], number)
    return Trial(unedited, moves, targets(unedited.labels, moves, painter.loaded.places.properties))


def _rows(
    rows: Sequence[PromptRow],
    trial: int,
    condition: str,
    aim: str,
    scores: Mapping[tuple[str, str], Tensor],
) -> pa.Table:
    columns: dict[str, list[object]] = {name: [] for name in INTERVENTIONS.names}
    for (name, metric), values in scores.items():
        for row, value in zip(rows, values.tolist(), strict=True):
            of = (row.image, row.prompt, trial, condition, aim, name, metric, value)
            for column, cell in zip(INTERVENTIONS.names, of, strict=True):
                columns[column].append(cell)
    return make_table(INTERVENTIONS, columns)


def one_a_prompt(rows: Sequence[PromptRow]) -> list[PromptRow]:
    """The first picture of every prompt."""
    _, first = np.unique(prompt_numbers(rows), return_index=True)
    return [rows[i] for i in sorted(first)]
