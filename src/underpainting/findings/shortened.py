"""What less work costs: pictures whose last steps were shortened, beside the whole ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from underpainting.findings.distances import frechet, kernel_distance
from underpainting.findings.intervals import ENOUGH, Floats, means_beside
from underpainting.vocabulary import OBJECT

WHOLE, UNGUIDED, LARGER, FEWER, ANOTHER = "whole", "unguided", "larger", "fewer", "another"
SHORTENED = (UNGUIDED, LARGER)
EVALUATIONS, ROWS = "evaluations", "rows"
KERNEL, FRECHET = "kernel_distance", "frechet"
HALVES = "halves"
"""The way whose Fréchet distance is that of one half of the whole pictures from the other."""

Way = tuple[str, int]
"""How a picture was made, and the step that goes with it."""


def title(way: str, step: int) -> str:
    """A way in words."""
    return {
        WHOLE: "all steps",
        UNGUIDED: f"no guidance after step {step}",
        LARGER: f"every second step after step {step}",
        FEWER: f"{step} steps in all",
        ANOTHER: "(all steps of another seed)",
        HALVES: "(one half of them from the other)",
    }[way]


@dataclass(frozen=True)
class Shortened:
    """Mean of one score of pictures that were made one way, with its 95 % interval over draws of prompts.

    rows: rows that the network is given for a picture, over all evaluations. metric: as in the table, and
    `kernel_distance` and `frechet` from the whole pictures in the classifier's features (of the Fréchet
    distance there is no interval). above, above_low, above_high: this score less that of a whole run of as
    many rows and fewer steps, picture by picture; nan where there is none.
    """

    way: str
    step: int
    evaluations: float
    rows: float
    property: str
    metric: str
    prompts: int
    mean: float
    low: float
    high: float
    above: float
    above_low: float
    above_high: float


def shortened(tables: Sequence[pa.Table], features: Mapping[Way, Floats]) -> list[Shortened]:
    """Every score of every way, in the tables' order; rows of `SHORTENED`.

    features: by way [picture, feature], of the same pictures in the same order; nothing without any.
    """
    columns = {name: np.array(of.to_pylist()) for name, of in _columns(pa.concat_tables(tables))}
    images, first, number = np.unique(columns["image"], return_index=True, return_inverse=True)
    prompts = np.unique(columns["prompt"][first], return_inverse=True)[1]
    cells: dict[tuple[Way, str, str], Floats] = {}
    names = zip(*(columns[name].tolist() for name in ("way", "step", "property", "metric")), strict=True)
    for (way, step, name, metric), image, value in zip(names, number, columns["value"], strict=True):
        cells.setdefault(((way, step), name, metric), np.full(len(images), np.nan))[image] = value
    spent = {
        way: (float(cells[way, "", EVALUATIONS].mean()), float(cells[way, "", ROWS].mean()))
        for way in dict.fromkeys(key[0] for key in cells)
    }
    above: list[Floats] = []
    for (way, name, metric), of in cells.items():
        run = beside(way, spent)
        alone = np.full(len(images), np.nan)
        above.append(of - (alone if run is None else cells.get((run, name, metric), alone)))
    scores = means_beside([*cells.values()], above, prompts)
    rows = []
    for ((way, name, metric), of), (score, less) in zip(cells.items(), scores, strict=True):
        if metric not in (EVALUATIONS, ROWS):
            count = len(np.unique(prompts[np.isfinite(of)]))
            rows.append(Shortened(*way, *spent[way], name, metric, count, *score.within, *less.within))
    return rows + list(_distances(features, prompts, spent))


def beside(way: Way, spent: Mapping[Way, tuple[float, float]]) -> Way | None:
    """The run of fewer steps that a shortened one stands beside: the cheapest of as many rows or more."""
    runs = [of for of in spent if of[0] == FEWER and spent[of][1] >= spent[way][1]]
    return min(runs, key=lambda of: spent[of][1], default=None) if way[0] in SHORTENED else None


def sentences(rows: Sequence[Shortened]) -> Iterator[str]:
    """What each way saved, and whether as much work spent on fewer steps does as well; a line each."""
    own = {(row.way, row.step): row for row in rows if (row.property, row.metric) == (OBJECT, "own")}
    kept = {(row.way, row.step): row for row in rows if row.metric == "class_kept"}
    whole = next(row.rows for row in rows if row.way == WHOLE)
    for way, row in own.items():
        if row.way not in SHORTENED:
            continue
        of_class = f", its class in {kept[way].mean:.0%}".replace("%", " %") if way in kept else ""
        words = title(*way)
        line = (
            f"{words[0].upper()}{words[1:]} saves {100 - 100 * row.rows / whole:.0f} % of the network's rows "
            f"and keeps the object at a Dice of {row.mean:.2f} ({row.low:.2f} to {row.high:.2f}){of_class}"
        )
        if np.isfinite(row.above):
            verdict = "no different for sure from"
            if row.above_low > 0 or row.above_high < 0:
                verdict = "above" if row.above > 0 else "below"
            verdict = verdict if row.prompts >= ENOUGH else "on too few prompts to say more, beside"
            line += (
                f": {verdict} fewer steps at as many rows "
                f"({row.above:+.2f}, {row.above_low:+.2f} to {row.above_high:+.2f})"
            )
        yield f"{line}."


def _distances(
    features: Mapping[Way, Floats], prompts: np.ndarray, spent: Mapping[Way, tuple[float, float]]
) -> Iterator[Shortened]:
    whole: Way = (WHOLE, 0)
    if whole not in features:
        return
    count, unknown = len(np.unique(prompts)), (np.nan, np.nan, np.nan)
    for way, of in features.items():
        if way != whole:
            far = kernel_distance(of, features[whole], prompts)
            kernel = far.mean, far.low, far.high
            normal = frechet(of, features[whole]), np.nan, np.nan
            yield Shortened(*way, *spent[way], "", KERNEL, count, *kernel, *unknown)
            yield Shortened(*way, *spent[way], "", FRECHET, count, *normal, *unknown)
    halves = frechet(features[whole][::2], features[whole][1::2]), np.nan, np.nan
    yield Shortened(HALVES, 0, *spent[whole], "", FRECHET, count, *halves, *unknown)


def _columns(table: pa.Table) -> Iterator[tuple[str, pa.ChunkedArray]]:
    return ((name, table[name]) for name in table.column_names)
