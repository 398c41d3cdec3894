"""What interventions did: means with intervals by condition, and how far the edit is above each control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from underpainting.findings.intervals import Floats, means_beside

INTERVENED, NULL, MOVED = "intervened", "null", "moved_picture"
SDEDIT, HELD = "sdedit", "held"
EVALUATIONS = "evaluations"
KEPT, RIGHT, KEPT_IF_RIGHT = "class_kept", "class_right", "class_kept_if_right"


@dataclass(frozen=True)
class Condition:
    """Under what a picture was painted: the column `condition` of the tables, and its words.

    is_control: whether the edit is set against it, when the best control is named.
    """

    key: str
    title: str
    is_control: bool = True


_CONDITIONS = {
    condition.key: condition
    for condition in (
        Condition(NULL, "not edited", is_control=False),
        Condition(INTERVENED, "edited", is_control=False),
        Condition("random", "random direction, as large"),
        Condition("shuffled_probe", "probe of shuffled labels, as large"),
        Condition("wrong_target", "towards another target"),
        Condition("late", "at the last steps"),
        Condition("own_mask", "towards its own map"),
        Condition("read_part", "the part that the probe reads", is_control=False),
        Condition("unread_part", "all but that part", is_control=False),
        Condition("erased", "what the probe reads erased, no target", is_control=False),
        Condition("carry", "carried along, the best such edit", is_control=False),
        Condition("covariance", "along the covariance, the best such edit", is_control=False),
        Condition("another_seed", "none: another seed of the same prompt"),
        Condition("noise_rolled", "none: the initial noise rolled"),
        Condition("noise_moved", "none: the initial noise moved, fresh where empty"),
        Condition(SDEDIT, "none: the finished picture moved, noised and redone (SDEdit)", is_control=False),
        Condition(HELD, "none: the object moved within its picture and redone there", is_control=False),
        Condition(MOVED, "none: the finished picture moved", is_control=False),
    )
}


def conditions() -> dict[str, Condition]:
    """All conditions by key, in the order of tables."""
    return dict(_CONDITIONS)


@dataclass(frozen=True)
class Done:
    """Mean of one score under one condition, and the edit's score less it, over pictures and trials.

    low, high, above_low, above_high: 95 % intervals over draws of prompts. above is nan of the edit itself.
    """

    aim: str
    condition: str
    property: str
    metric: str
    pictures: int
    trials: int
    mean: float
    low: float
    high: float
    above: float
    above_low: float
    above_high: float


def interventions(table: pa.Table) -> list[Done]:
    """Every score of every condition, in the table's order; rows of `INTERVENTIONS`.

    Differences are paired by image and trial. One score is added: `class_kept_if_right`, whether the class
    is kept, of the pictures whose class was right before they were edited.
    """
    columns = {name: np.array(table[name].to_pylist()) for name in table.column_names}
    images, trials = (columns[name].astype(str) for name in ("image", "trial"))
    cases = np.unique(np.stack([images, trials]), axis=1, return_inverse=True)[1].reshape(-1)
    prompt_of = np.unique(columns["prompt"], return_inverse=True)[1]
    prompts = np.zeros(int(cases.max(initial=-1)) + 1, dtype=np.int64)
    prompts[cases] = prompt_of
    cells: dict[tuple[str, str, str, str], Floats] = {}
    names = ("aim", "condition", "property", "metric")
    for case, value, *key in zip(cases, columns["value"], *(columns[name] for name in names), strict=True):
        cell = cells.setdefault((key[0], key[1], key[2], key[3]), np.full(len(prompts), np.nan))
        cell[case] = value
    for aim, condition, name, metric in list(cells):
        right = cells.get((aim, NULL, name, RIGHT))
        if metric == KEPT and right is not None:
            kept = np.where(right == 1, cells[aim, condition, name, metric], np.nan)
            cells[aim, condition, name, KEPT_IF_RIGHT] = kept
    scores = means_beside([*cells.values()], [_above(key, cells) for key in cells], prompts)
    counts = {aim: _counts(columns, aim) for aim in dict.fromkeys(aim for aim, *_ in cells)}
    return [
        Done(*key, *counts[key[0]], *score.within, *above.within)
        for key, (score, above) in zip(cells, scores, strict=True)
    ]


def _above(key: tuple[str, str, str, str], cells: Mapping[tuple[str, str, str, str], Floats]) -> Floats:
    """The edit's score of the same kind less a cell's; nan of the edit itself, and where there is no edit."""
    aim, condition, name, metric = key
    edited = cells.get((aim, INTERVENED, name, metric), np.nan)
    above: Floats = edited - cells[key]
    return np.full_like(above, np.nan) if condition == INTERVENED else above


def _counts(columns: Mapping[str, NDArray[np.generic]], aim: str) -> tuple[int, int]:
    """Pictures and trials that aimed at a property."""
    mine = columns["aim"] == aim
    return len(np.unique(columns["image"][mine])), len(np.unique(columns["trial"][mine]))
