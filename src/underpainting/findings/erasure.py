"""What erasing a property left: of the pictures, and of what can be read where it was erased and later."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from underpainting.findings.intervals import ENOUGH, Floats, means_beside

NULL, ERASED, ONCE, TURNED, ANOTHER, POSITION = "null", "erased", "once", "turned", "another", "position"
RANDOM, SHUFFLED, OTHER = "random", "shuffled", "other "
PICTURE, THERE, LATER = "", "erased", "later"
PLACES = {THERE: "where erased", LATER: "elsewhere or later"}

TITLES = {
    NULL: "nothing",
    ERASED: "what a probe of it reads",
    ONCE: "the same, erasers not refitted",
    TURNED: "as much, in a random direction",
    RANDOM: "a random label's direction",
    SHUFFLED: "shuffled labels' direction",
    ANOTHER: "(another picture)",
    POSITION: "(position alone)",
}
CONTROLS = (TURNED, RANDOM, SHUFFLED)


def title(condition: str) -> str:
    """What is erased under a condition, in words."""
    return TITLES.get(condition) or f"what a probe of {condition.removeprefix(OTHER)} reads"


def is_control(condition: str) -> bool:
    """Whether something else is erased under a condition, as much or of the same rank."""
    return condition in CONTROLS or condition.startswith(OTHER)


@dataclass(frozen=True)
class Erasure:
    """Mean of one score of test pictures made while something was erased, with its 95 % interval.

    place: empty for scores of the picture itself; `erased` for what a probe that is fitted to what is left
    reads where and when it is erased, `later` for the other layers of those steps and all layers of later
    steps, each picture's mean over those places. above, above_low, above_high: the score under `erased`
    less this one, picture by picture.
    """

    condition: str
    property: str
    metric: str
    place: str
    prompts: int
    mean: float
    low: float
    high: float
    above: float
    above_low: float
    above_high: float


Key = tuple[str, str, str, str]


def erasures(table: pa.Table, layers: Collection[str], last: int) -> list[Erasure]:
    """Every score under every condition, in the table's order; rows of `ERASED` (see `records`).

    layers, last: where something was erased, and the last step. Differences are paired by picture.
    """
    rows = table.to_pylist()
    images = list(dict.fromkeys(row["image"] for row in rows))
    number = {image: i for i, image in enumerate(images)}
    prompt_of = {row["image"]: row["prompt"] for row in rows}
    prompts = np.unique([prompt_of[image] for image in images], return_inverse=True)[1]
    sums: dict[Key, Floats] = {}
    for row in rows:
        for place in _places(row, layers, last):
            key = row["condition"], row["property"], row["metric"], place
            of = sums.setdefault(key, np.zeros((2, len(images))))
            if np.isfinite(row["value"]):
                of[:, number[row["image"]]] += row["value"], 1
    known = {key: total / np.where(count, count, np.nan) for key, (total, count) in sums.items()}
    present = {place for condition, _, _, place in known if condition == ERASED}
    cells = {key: of for key, of in known.items() if key[3] in present}
    nothing = np.full(len(images), np.nan)
    above = [cells.get((ERASED, *key[1:]), nothing) - of for key, of in cells.items()]
    counts = [len(np.unique(prompts[np.isfinite(of)])) for of in cells.values()]
    beside = means_beside([*cells.values()], above, prompts)
    return [
        Erasure(*key, count, *score.within, *less.within)
        for key, count, (score, less) in zip(cells, counts, beside, strict=True)
    ]


def _places(row: Mapping[str, Any], layers: Collection[str], last: int) -> tuple[str, ...]:
    """The places that a row counts in: position alone, of no step, stands beside both of its layer."""
    if not row["layer"]:
        return (PICTURE,)
    is_there = row["layer"] in layers and row["step"] <= last
    if row["condition"] == POSITION:
        return (THERE, LATER) if is_there else (LATER,)
    return (THERE if is_there else LATER,)


def sentences(rows: Sequence[Erasure], property: str, where: str) -> Iterator[str]:
    """What erasing a property showed, in plain sentences, beside the strongest control.

    where: it was erased. A verdict needs `ENOUGH` prompts, and
    that the maps agree surely less than under every control.
    """
    own = {row.condition: row for row in rows if (row.property, row.metric) == (property, "own")}
    erased, controls = own[ERASED], [row for row in own.values() if is_control(row.condition)]
    strongest = max(controls, key=lambda row: row.above)
    told = f"an agreement of {_within(erased)}"
    if ANOTHER in own:
        told += f" (another picture's has {own[ANOTHER].mean:.2f})"
    yield (
        f"With {property} erased in {where}, its map has {told} with the unedited picture's, on "
        f"{erased.prompts} test prompts; the strongest control, {title(strongest.condition)}, leaves "
        f"{_within(strongest)}: {strongest.above:+.2f} ({strongest.above_low:+.2f} to "
        f"{strongest.above_high:+.2f}) beside it."
    )
    if erased.prompts < ENOUGH:
        yield f"That is too few prompts to say more; {ENOUGH} or more are needed."
    elif all(row.above_high < 0 for row in controls):
        yield f"So what a probe of {property} reads there carries a part of the layout that no control does."
    else:
        yield "So it is not sure that erasing it takes more of the layout than erasing something else does."
    yield from _read(rows, property)


def _read(rows: Sequence[Erasure], property: str) -> Iterator[str]:
    """What a probe fitted to what is left still reads, where it is erased and later."""
    for place, words in ((THERE, "Where it is erased"), (LATER, "At the other layers and later steps")):
        of = {row.condition: row for row in rows if row.place == place and row.property == property}
        if ERASED not in of:
            continue
        verdict = "it is still read" if of[POSITION].above_low > 0 else "no more than position tells"
        yield (
            f"{words}, a probe fitted to what is left reads it at {_within(of[ERASED])}, with erasers that "
            f"are not refitted at {of[ONCE].mean:.2f}, where nothing is erased at {of[NULL].mean:.2f}; "
            f"position alone has {of[POSITION].mean:.2f}: {verdict}."
        )


def _within(row: Erasure) -> str:
    return f"{row.mean:.2f} ({row.low:.2f} to {row.high:.2f})"
