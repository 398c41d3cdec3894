"""Interventions scored as a causal claim: many pictures, random targets, and controls beside each edit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import save_file
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.findings.draws import mean_interval
from underpainting.intervention import STAY, Change, Move, Plan, Wanted, along_others, rotated, warp
from underpainting.records import INTERVENTIONS, make_table, read_table, sealing, write_table
from underpainting.study.folder import write_json
from underpainting.study.making import to_bytes
from underpainting.study.progress import Progress
from underpainting.study.prompts import PromptRow
from underpainting.uses.capture import prompt_numbers, sound_rows
from underpainting.uses.easel import MASK, Easel, Unedited
from underpainting.uses.trials import draw_moves, judge, targets

EDITED = ("intervened", "random", "wrong_target", "shuffled_probe", "late", "own_mask")
CONDITIONS = ("null", *EDITED, "moved_picture")


@dataclass(frozen=True)
class Batch:
    """A trial of a batch of pictures: how each is to be moved, and the target maps that gives."""

    unedited: Unedited
    moves: Sequence[Move]
    target: Mapping[str, Tensor]


@dataclass(frozen=True)
class Tried:
    """What a plan did on calibrate pictures, in the mean; score: `target`, 0 where the class is lost."""

    plan: Plan
    target: float
    null: float
    class_kept: float
    score: float


def candidates(aim: str) -> list[Plan]:
    """Plans that are tried before one is chosen: kinds, strengths and steps."""
    if aim == MASK:
        grid = [(kind, s, last) for kind in ("carry", "covariance") for s in (1.5, 2.5) for last in (5, 8)]
    else:
        grid = [("covariance", s, last) for s in (1.0, 2.5, 5.0) for last in (3, 5, 8)]
    return [
        Plan.model_validate({"kind": kind, "strength": strength, "last": last, "properties": (aim,)})
        for kind, strength, last in grid
    ]


def choose_plan(easel: Easel, aim: str, folder: Path, progress: Progress, plans: Sequence[Plan] = ()) -> Plan:
    """The plan that moves a property's map best on calibrate pictures, where a lost class counts as nothing.

    All that was tried stands in `choice.json` of the folder; where it is there, nothing is tried again.
    """
    path = folder / "choice.json"
    if path.is_file():
        return Plan.model_validate(json.loads(path.read_text(encoding="utf-8"))["chosen"])
    rows = sound_rows(easel.study, "calibrate")
    plans = [plan for plan in plans or candidates(aim) if plan.last <= easel.probes.steps]
    progress.phase(f"choosing an edit of {aim} on {len(rows)} calibrate pictures")
    progress.start(len(rows) * (len(plans) + 1), 0)
    scores: dict[int, list[dict[tuple[str, str], Tensor]]] = {}
    for unedited in _unedited(easel, rows, aim, progress):
        batch = _trial(easel, unedited, aim, 0)
        scores.setdefault(-1, []).append(_judge(easel, unedited.pictures, unedited.labels, batch))
        for number, plan in enumerate(plans):
            change = easel.change(plan, unedited, batch.target, batch.moves)
            pictures = easel.paint(unedited.rows, easel.edit(plan, change))
            scores.setdefault(number, []).append(_judge(easel, pictures, easel.labels(pictures), batch))
            progress.advance(len(unedited.rows))
    null = _mean(scores[-1], (aim, "target"))
    tried = [
        Tried(
            plan,
            _mean(scores[i], (aim, "target")),
            null,
            _mean(scores[i], ("", "class_kept")),
            _mean([_where_kept(of, aim) for of in scores[i]], (aim, "kept")),
        )
        for i, plan in enumerate(plans)
    ]
    chosen = max(tried, key=lambda of: of.score).plan
    about = [{**asdict(of), "plan": of.plan.model_dump(mode="json")} for of in tried]
    folder.mkdir(parents=True, exist_ok=True)
    with sealing(path) as temporary:
        write_json(temporary, {"chosen": chosen.model_dump(mode="json"), "tried": about})
    return chosen


def run_experiment(
    easel: Easel, aim: str, plan: Plan, folder: Path, *, pictures: int, trials: int, progress: Progress
) -> pa.Table:
    """Every condition of every trial on the first test pictures of different prompts.

    Batches that are done are kept in the folder and not made again. Returns rows of `INTERVENTIONS`.
    Raises UnderpaintingError where the folder's were made by another plan.
    """
    rows = _one_a_prompt(sound_rows(easel.study, "test"))[:pictures]
    asked = {"plan": plan.model_dump(mode="json"), "pictures": len(rows), "trials": trials}
    card = folder / "experiment.json"
    if card.is_file() and json.loads(card.read_text(encoding="utf-8")) != asked:
        raise UnderpaintingError(
            f"{folder} holds another experiment; remove it, or ask for the same as before"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with sealing(card) as temporary:
        write_json(temporary, asked)
    size = easel.study.config.run.batch_size
    parts = [
        (folder / f"{start:05d}.parquet", rows[start : start + size]) for start in range(0, len(rows), size)
    ]
    missing = [(path, of) for path, of in parts if not path.is_file()]
    progress.phase(f"interventions on {aim}")
    each = 1 + trials * len(EDITED)
    progress.start(len(rows) * each, (len(rows) - sum(len(of) for _, of in missing)) * each)
    for path, of in missing:
        table = pa.concat_tables(_conditions(easel, aim, plan, of, trials, progress))
        with sealing(path) as temporary:
            write_table(temporary, table, INTERVENTIONS)
    return pa.concat_tables([read_table(path, INTERVENTIONS) for path, _ in parts])


def keep_examples(
    easel: Easel, aim: str, plan: Plan, folder: Path, *, count: int = 6, trials: int = 4
) -> None:
    """Keep a few test pictures, each with the pictures painted for several targets, for looking at.

    `examples.safetensors`: before [picture, height, width, 3] uint8, after [picture, trial, height, width, 3]
    uint8, target [picture, trial, height, width] float16. Nothing is made where it is there.
    """
    path = folder / "examples.safetensors"
    if path.is_file():
        return
    rows = _one_a_prompt(sound_rows(easel.study, "test"))[:count]
    before, after, target = [], [], []
    for unedited in _unedited(easel, rows, aim, Progress()):
        trial_of = [_trial(easel, unedited, aim, trial) for trial in range(trials)]
        painted = []
        for batch in trial_of:
            painted.append(_pictures(easel, aim, plan, batch, "intervened"))
        before.append(unedited.pictures)
        after.append(torch.stack(painted, dim=1))
        target.append(torch.stack([batch.target[aim] for batch in trial_of], dim=1))
    tensors = {
        "before": to_bytes(torch.cat(before).movedim(-3, -1)).contiguous(),
        "after": to_bytes(torch.cat(after).movedim(-3, -1)).contiguous(),
        "target": torch.cat(target).half().contiguous(),
    }
    with sealing(path) as temporary:
        save_file(tensors, temporary)


def _conditions(
    easel: Easel, aim: str, plan: Plan, rows: Sequence[PromptRow], trials: int, progress: Progress
) -> Iterator[pa.Table]:
    for unedited in _unedited(easel, rows, aim, progress):
        for trial in range(trials):
            batch = _trial(easel, unedited, aim, trial)
            for condition in CONDITIONS:
                pictures = _pictures(easel, aim, plan, batch, condition)
                progress.advance(len(unedited.rows) * (condition in EDITED))
                scores = _judge(easel, pictures, easel.labels(pictures), batch)
                yield _rows(unedited.rows, trial, condition, aim, scores)


def _pictures(easel: Easel, aim: str, plan: Plan, batch: Batch, condition: str) -> Tensor:
    if condition == "null":
        return batch.unedited.pictures
    if condition == "moved_picture":  # what a perfect move would score
        pictures = batch.unedited.pictures
        return warp(pictures, batch.moves, (pictures.shape[-2], pictures.shape[-1]), nearest=True)
    used, change = _condition(easel, aim, plan, batch, condition)
    return easel.paint(batch.unedited.rows, easel.edit(used, change))


def _condition(easel: Easel, aim: str, plan: Plan, batch: Batch, condition: str) -> tuple[Plan, Change]:
    """The plan and change of a condition. All controls but `own_mask` change as much, token by token."""
    unedited, properties = batch.unedited, easel.workshop.places.properties

    def towards(moves: Sequence[Move]) -> Change:
        return easel.change(plan, unedited, targets(unedited.labels, moves, properties), moves)

    change = towards(batch.moves)
    if condition == "random":
        return plan, rotated(change)
    if condition == "wrong_target":
        return plan, towards([move.opposite for move in batch.moves])
    if condition == "shuffled_probe":
        own = {aim: unedited.labels[aim]}
        others = easel.directions((aim,), shuffled=True)
        return plan, along_others(change, others, Wanted(own, {aim: batch.target[aim]}), easel.grids)
    if condition == "late":
        return plan.late(easel.probes.steps), change
    if condition == "own_mask":
        return plan, towards([STAY] * len(batch.moves))
    return plan, change


def _unedited(easel: Easel, rows: Sequence[PromptRow], aim: str, progress: Progress) -> Iterator[Unedited]:
    """Batches of unedited pictures, without those in which there is nothing to move."""
    size = easel.study.config.run.batch_size
    for start in range(0, len(rows), size):
        batch = rows[start : start + size]
        unedited = easel.unedited(batch)
        progress.advance(len(batch))
        seen = [bool(of.amax() > of.amin()) for of in unedited.labels.get(MASK, unedited.labels[aim])]
        if all(seen):
            yield unedited
        elif any(seen):
            yield easel.unedited([row for row, is_seen in zip(batch, seen, strict=True) if is_seen])


def _trial(easel: Easel, unedited: Unedited, aim: str, trial: int) -> Batch:
    masks = unedited.labels.get(MASK, unedited.labels[aim])
    moves = draw_moves(masks, [row.seed for row in unedited.rows], trial)
    return Batch(unedited, moves, targets(unedited.labels, moves, easel.workshop.places.properties))


def _judge(
    easel: Easel, pictures: Tensor, labels: Mapping[str, Tensor], batch: Batch
) -> dict[tuple[str, str], Tensor]:
    workshop = easel.workshop
    properties = workshop.places.properties
    return judge(pictures, labels, batch.unedited, batch.target, properties, workshop.classifier)


def _where_kept(scores: Mapping[tuple[str, str], Tensor], aim: str) -> dict[tuple[str, str], Tensor]:
    """Agreement with the target, 0 where the class is lost."""
    target = scores[aim, "target"]
    return {(aim, "kept"): target * scores.get(("", "class_kept"), torch.ones_like(target))}


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


def _one_a_prompt(rows: Sequence[PromptRow]) -> list[PromptRow]:
    _, first = np.unique(prompt_numbers(rows), return_index=True)
    return [rows[i] for i in sorted(first)]


def _mean(scores: Sequence[Mapping[tuple[str, str], Tensor]], key: tuple[str, str]) -> float:
    values = np.concatenate([of[key].numpy() for of in scores if key in of] or [np.array([np.nan])])
    return mean_interval(values, np.arange(len(values)))[0]
