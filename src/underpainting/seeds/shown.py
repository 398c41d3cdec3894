"""Sheets of a search: how the finished pictures came to be, and what was predicted of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from underpainting.seeds.layout import Maps
from underpainting.seeds.predict import BEST, ByProbes, decoded
from underpainting.seeds.preview import cards_of
from underpainting.seeds.race import Race
from underpainting.seeds.searched import PREVIEWS, SHEET, Row
from underpainting.seeds.sheet import COLUMNS, SHOWN, Course, Preview, course_sheet, preview_sheet
from underpainting.study.batch import to_bytes
from underpainting.vocabulary import OBJECT, Place, main_branch


def sheets(race: Race) -> dict[str, bytes]:
    """PNGs of a search that is over, by the names of their files."""
    race.begun.progress.phase("drawing")
    drawn = {SHEET: _courses(race)}
    return drawn | ({PREVIEWS: _previews(race)} if race.cuts else {})


def _courses(race: Race) -> bytes:
    begun, seeds, cuts = race.begun, race.seeds, list(race.cuts)
    which = np.linspace(0, len(cuts) - 1, min(COLUMNS, len(cuts))).round().astype(int)
    steps = [cuts[i] for i in which]
    frames = {step: _frames(race, step, seeds) for step in steps}
    masks = {step: _objects(race, step, race.maps(step, seeds)) for step in steps}
    finished = begun.finished(seeds)
    seen = finished.labels[OBJECT].numpy() if OBJECT in finished.labels else None
    courses = []
    for i, seed in enumerate(seeds):
        courses.append(
            Course(
                begun.prompt,
                _lines(race, race.rows[seed]),
                [frames[step][i] for step in steps],
                [masks[step][i] for step in steps],
                finished.pictures[i].numpy(),
                None if seen is None else seen[i],
            )
        )
    return course_sheet(courses, [f"step {step}" for step in steps], _wanted(race))


def _lines(race: Race, row: Row) -> list[str]:
    lines = [f"seed {row.seed}", f"{race.wish.words}: {row.score:.2f}"]
    return [*lines, f"expected after step {max(race.cuts)}: {row.expected:.2f}"] if race.cuts else lines


def _previews(race: Race) -> bytes:
    """What was predicted of the best seeds at the last cut that each was at."""
    best = sorted(race.rows.values(), key=lambda row: -row.expected)[:SHOWN]
    at = {row.seed: race.last_cut(row.seed) for row in best}
    cards: dict[int, Preview] = {}
    for step in race.cuts:
        if seeds := [row.seed for row in best if at[row.seed] == step]:
            pictures = decoded(race.begun.loaded, race.begun.seen(step, seeds).clean)
            captions = [(f"seed {of}, step {step}", f"{race.rows[of].expected:.2f}") for of in seeds]
            cards |= dict(zip(seeds, cards_of(race.maps(step, seeds), pictures, captions), strict=True))
    shown = [cards[row.seed] for row in best if row.seed in cards]
    line = f"{race.wish.words}: expected scores at the last cut of each seed"
    return preview_sheet(shown, race.begun.prompt, line, _wanted(race))


def _frames(race: Race, step: int, seeds: Sequence[int]) -> NDArray[np.uint8]:
    """Clean predictions, [picture, height, width, 3]."""
    pictures = decoded(race.begun.loaded, race.begun.seen(step, seeds).clean)
    frames: NDArray[np.uint8] = to_bytes(pictures).permute(0, 2, 3, 1).numpy()
    return frames


def _objects(race: Race, step: int, maps: Maps) -> list[NDArray[Any] | None]:
    """Where the object is as predicted: above the probe's threshold."""
    if OBJECT not in maps:
        return [None] * len(race.seeds)
    threshold, way, probes = 0.5, race.learnt[step].way, race.begun.probes
    if isinstance(race.predict, ByProbes):
        layer = probes.best_layer(OBJECT, step) if way == BEST else way
        own = probes.entry(OBJECT, Place(layer, step, main_branch(probes.branches))).threshold
        threshold = threshold if own is None else own
    there: Tensor = (maps[OBJECT] > threshold).to(torch.float32)
    return list(there.numpy())


def _wanted(race: Race) -> NDArray[Any] | None:
    return None if race.wish.outline is None else race.wish.outline.numpy()
