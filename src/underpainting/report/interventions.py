"""What came of acting on it: what the page says and shows of interventions."""

from __future__ import annotations

import io
from collections.abc import Mapping
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from underpainting.colours import OUTLINE
from underpainting.findings.distances import Distance
from underpainting.findings.interventions import (
    EVALUATIONS,
    HELD,
    INTERVENED,
    MOVED,
    NULL,
    SDEDIT,
    Done,
    conditions,
)
from underpainting.report.contents import Contents, Experiment
from underpainting.report.gallery import map_address, picture_address
from underpainting.report.tables import number
from underpainting.vocabulary import ALL

METRICS = {
    "target": "with the target",
    "target_if_kept": "0 where the class is lost",
    "own": "with what it was",
    "class_kept": "class kept",
    "class_kept_if_right": "class kept where it was right",
    "class_right": "class right",
    "colour_change": "colour change",
    "background_change": "background change",
    EVALUATIONS: "network evaluations",
}
KERNEL, UNKNOWN = "kernel", Distance(nan, nan, nan)
KINDS = {
    "carry": "the unedited picture's own activations carried along",
    "covariance": "in closed form, along how activations vary with the reading",
    "minimum": "in closed form, by the least change",
    "gradient": "by gradient descent",
}
REDONE = {
    SDEDIT: "The finished picture moved, noised and redone from half of the steps on (SDEdit)",
    HELD: "The same, but held to the unedited picture around the object,",
}

Cells = Mapping[tuple[str, str, str], Done]
"""Scores by condition, property and metric."""


def intervention_sections(contents: Contents) -> list[dict[str, Any]]:
    """What the page says and shows of each property that interventions aimed at."""
    return [_section(experiment) for experiment in contents.experiments]


def _section(experiment: Experiment) -> dict[str, Any]:
    cells = {(row.condition, row.property, row.metric): row for row in experiment.rows}
    present = [name for name in conditions() if (name, experiment.aim, "target") in cells]
    columns = {
        metric: words
        for metric, words in METRICS.items()
        if (INTERVENED, _scored(experiment.aim, metric), metric) in cells
    }
    kernel = {KERNEL: "kernel distance from unedited pictures"} if experiment.distances else {}
    return {
        "aim": experiment.aim,
        "sentences": _sentences(experiment, cells, present),
        "columns": columns | kernel,
        "rows": [
            {
                "condition": name,
                "words": conditions()[name].title,
                "cells": [
                    *(cells[name, _scored(experiment.aim, metric), metric] for metric in columns),
                    *(experiment.distances.get(name, UNKNOWN) for _ in kernel),
                ],
                "above": cells[name, experiment.aim, "target"],
            }
            for name in present
        ],
        "examples": _examples(experiment),
    }


def _scored(aim: str, metric: str) -> str:
    return aim if metric in ("target", "target_if_kept", "own") else ""


def _sentences(experiment: Experiment, cells: Cells, present: list[str]) -> tuple[str, ...]:
    edit, edited = experiment.edit, cells[INTERVENED, experiment.aim, "target"]
    where = "all layers" if edit.layers == (ALL,) else ", ".join(edit.layers)
    settings = f"strength {edit.strength:g}, steps {edit.first} to {edit.last}, {where}"
    sentences = [
        f"On {edited.pictures} test pictures, {edited.trials} random targets each, the edit "
        f"({KINDS[edit.kind]}, {settings}, {' and '.join(edit.branches)} branch) brings agreement with "
        f"the target to {number(edited.mean)}."
    ]
    others = {name: cells[name, experiment.aim, "target"] for name in present}
    if null := others.get(NULL):
        sentences.append(f"That is {number(null.above)} above pictures that are not edited.")
    if against := {name: row for name, row in others.items() if conditions()[name].is_control}:
        name, nearest = min(against.items(), key=lambda item: item[1].above)
        sure = "surely" if nearest.above_low > 0 else "not surely"
        between = f"{number(nearest.above_low)} to {number(nearest.above_high)}"
        sentences.append(
            f"The best control, {conditions()[name].title}, reaches {number(nearest.mean)}: the edit is "
            f"{number(nearest.above)} above it, {sure} ({between})."
        )
    if kept := cells.get((INTERVENED, "", "class_kept")):
        right = cells.get((INTERVENED, "", "class_kept_if_right"))
        of_right = f", and in {_percent(right)} of those whose class was right before" if right else ""
        sentences.append(f"The classifier still sees the same class in {_percent(kept)} of them{of_right}.")
    if whole := others.get(MOVED):
        kept = cells.get((MOVED, "", "class_kept"))
        also = f" and keep the class in {_percent(kept)}" if kept else ""
        sentences.append(f"Moving the finished picture itself would reach {number(whole.mean)}{also}.")
    redone = [name for name in REDONE if name in others]
    return (*sentences, *(_beside(REDONE[name], name, cells, experiment.aim) for name in redone))


def _beside(words: str, name: str, cells: Cells, aim: str) -> str:
    """What a way to the target that is no control reaches, and at what price, beside the edit."""
    target = cells[name, aim, "target"]
    said = f"{words} reaches {number(target.mean)} (the edit less that: {_difference(target)})"
    change, mine = (cells.get((of, "", "background_change")) for of in (name, INTERVENED))
    if change is None or mine is None:
        return f"{said}."
    return (
        f"{said}, and changes the background by {number(change.mean)} where the edit changes it by "
        f"{number(mine.mean)} (difference {_difference(change)})."
    )


def _difference(row: Done) -> str:
    return f"{number(row.above)}, {number(row.above_low)} to {number(row.above_high)}"


def _percent(row: Done) -> str:
    return f"{round(100 * row.mean)}\u00a0%"


def _examples(experiment: Experiment) -> list[dict[str, Any]]:
    """A row a picture: as it was, then what was painted for each target, under that target."""
    if not experiment.examples:
        return []
    before, after, target = (experiment.examples[name] for name in ("before", "after", "target"))
    return [
        {
            "before": picture_address(before[i]),
            "trials": [
                {
                    "target": map_address(target[i, t].astype(np.float32), experiment.aim),
                    "after": picture_address(_outlined(after[i, t], target[i, t])),
                }
                for t in range(after.shape[1])
            ],
        }
        for i in range(len(before))
    ]


def examples_png(experiment: Experiment, gap: int = 4) -> bytes:
    """A row a picture, as a PNG file: as it was, then as painted for each target, which is outlined."""
    before, after, target = (experiment.examples[name] for name in ("before", "after", "target"))
    rows = [
        [before[i], *(_outlined(after[i, t], target[i, t]) for t in range(after.shape[1]))]
        for i in range(len(before))
    ]
    height, width = before.shape[1:3]
    sheet = Image.new("RGB", (len(rows[0]) * (width + gap) - gap, len(rows) * (height + gap) - gap), "white")
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            sheet.paste(Image.fromarray(picture), (j * (width + gap), i * (height + gap)))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _outlined(picture: NDArray[np.uint8], target: NDArray[np.float16]) -> NDArray[np.uint8]:
    """A picture with the outline of a mask; as it is under another map."""
    if not np.isin(target, (0, 1)).all():
        return picture
    mask = Image.fromarray((target > 0.5).astype(np.uint8) * 255)
    edge = np.asarray(mask) != np.asarray(mask.filter(ImageFilter.MinFilter(3)))
    return np.where(edge[..., None], np.array(OUTLINE, dtype=np.uint8), picture)
