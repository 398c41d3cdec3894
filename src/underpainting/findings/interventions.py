"""What interventions did: means with intervals by condition, and how far the edit is above each control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from underpainting.findings.draws import Floats, mean_interval

INTERVENED, NULL = "intervened", "null"
KEPT, RIGHT, KEPT_IF_RIGHT = "class_kept", "class_right", "class_kept_if_right"


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
    images, trials = (columns[of].astype(str) for of in ("image", "trial"))
    cases = np.unique(np.stack([images, trials]), axis=1, return_inverse=True)[1].reshape(-1)
    prompt_of = np.unique(columns["prompt"], return_inverse=True)[1]
    prompts = np.zeros(int(cases.max(initial=-1)) + 1, dtype=np.int64)
    prompts[cases] = prompt_of
    cells: dict[tuple[str, str, str, str], Floats] = {}
    names = ("aim", "condition", "property", "metric")
    for case, value, *key in zip(cases, columns["value"], *(columns[name] for name in names), strict=True):
        of = cells.setdefault((key[0], key[1], key[2], key[3]), np.full(len(prompts), np.nan))
        of[case] = value
    for aim, condition, name, metric in list(cells):
        right = cells.get((aim, NULL, name, RIGHT))
        if metric == KEPT and right is not None:
            kept = np.where(right == 1, cells[aim, condition, name, metric], np.nan)
            cells[aim, condition, name, KEPT_IF_RIGHT] = kept
    return [_done(key, cells, columns, prompts) for key in cells]


def _done(
    key: tuple[str, str, str, str],
    cells: Mapping[tuple[str, str, str, str], Floats],
    columns: Mapping[str, NDArray[np.generic]],
    prompts: NDArray[np.int64],
) -> Done:
    aim, condition, name, metric = key
    edited = cells.get((aim, INTERVENED, name, metric))
    above = (np.nan, np.nan, np.nan)
    if edited is not None and condition != INTERVENED:
        above = mean_interval(edited - cells[key], prompts)
    mine = columns["aim"] == aim
    pictures, trials = (len(np.unique(columns[of][mine])) for of in ("image", "trial"))
    return Done(*key, pictures, trials, *mean_interval(cells[key], prompts), *above)
