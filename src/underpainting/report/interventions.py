"""What came of acting on it: what the page says and shows of interventions."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from underpainting.colours import OUTLINE
from underpainting.findings.interventions import INTERVENED, Done
from underpainting.report.pictures import map_address, picture_address
from underpainting.report.reading import Acted, Study
from underpainting.report.tables import number

CONDITIONS = {
    "null": "not edited",
    INTERVENED: "edited",
    "random": "random direction, as large",
    "shuffled_probe": "probe of shuffled labels, as large",
    "wrong_target": "towards another target",
    "late": "at the last steps",
    "own_mask": "towards its own map",
    "moved_picture": "none: the finished picture moved",
}
METRICS = {
    "target": "with the target",
    "target_if_kept": "0 where the class is lost",
    "own": "with what it was",
    "class_kept": "class kept",
    "class_kept_if_right": "class kept where it was right",
    "class_right": "class right",
    "colour_change": "colour change",
    "background_change": "background change",
}
KINDS = {
    "carry": "the unedited picture's own activations carried along",
    "covariance": "in closed form, along how activations vary with the reading",
    "minimum": "in closed form, by the least change",
    "gradient": "by gradient descent",
}


def intervention_sections(study: Study) -> list[dict[str, Any]]:
    """What the page says and shows of each property that interventions aimed at."""
    return [_section(acted) for acted in study.acted]


def _section(acted: Acted) -> dict[str, Any]:
    cells = {(row.condition, row.property, row.metric): row for row in acted.rows}
    present = [name for name in CONDITIONS if (name, acted.aim, "target") in cells]
    columns = {
        metric: words
        for metric, words in METRICS.items()
        if (INTERVENED, _scored(acted.aim, metric), metric) in cells
    }
    return {
        "aim": acted.aim,
        "sentences": _sentences(acted, cells, present),
        "columns": columns,
        "rows": [
            {
                "condition": name,
                "words": CONDITIONS[name],
                "cells": [cells[name, _scored(acted.aim, metric), metric] for metric in columns],
                "above": cells[name, acted.aim, "target"],
            }
            for name in present
        ],
        "examples": _examples(acted),
    }


def _scored(aim: str, metric: str) -> str:
    return aim if metric in ("target", "target_if_kept", "own") else ""


def _sentences(acted: Acted, cells: dict[tuple[str, str, str], Done], present: list[str]) -> tuple[str, ...]:
    plan, edited = acted.plan, cells[INTERVENED, acted.aim, "target"]
    where = "all layers" if plan["layers"] == ["self-attention"] else ", ".join(plan["layers"])
    settings = f"strength {plan['strength']:g}, steps {plan['first']} to {plan['last']}, {where}"
    sentences = [
        f"On {edited.pictures} test pictures, {edited.trials} random targets each, the edit "
        f"({KINDS[plan['kind']]}, {settings}, {' and '.join(plan['branches'])} branch) brings agreement with "
        f"the target to {number(edited.mean)}."
    ]
    others = {name: cells[name, acted.aim, "target"] for name in present if name != INTERVENED}
    if null := others.pop("null", None):
        sentences.append(f"That is {number(null.above)} above pictures that are not edited.")
    whole = others.pop("moved_picture", None)
    if others:
        name, nearest = min(others.items(), key=lambda item: item[1].above)
        sure = "surely" if nearest.above_low > 0 else "not surely"
        between = f"{number(nearest.above_low)} to {number(nearest.above_high)}"
        sentences.append(
            f"The best control, {CONDITIONS[name]}, reaches {number(nearest.mean)}: the edit is "
            f"{number(nearest.above)} above it, {sure} ({between})."
        )
    if kept := cells.get((INTERVENED, "", "class_kept")):
        right = cells.get((INTERVENED, "", "class_kept_if_right"))
        of_right = f", and in {_percent(right)} of those whose class was right before" if right else ""
        sentences.append(f"The classifier still sees the same class in {_percent(kept)} of them{of_right}.")
    if whole:
        kept = cells.get(("moved_picture", "", "class_kept"))
        also = f" and keep the class in {_percent(kept)}" if kept else ""
        sentences.append(f"Moving the finished picture itself would reach {number(whole.mean)}{also}.")
    return tuple(sentences)


def _percent(of: Done) -> str:
    return f"{round(100 * of.mean)}\u00a0%"


def _examples(acted: Acted) -> list[dict[str, Any]]:
    """A row a picture: as it was, then what was painted for each target, under that target."""
    if not acted.examples:
        return []
    before, after, target = (acted.examples[name] for name in ("before", "after", "target"))
    return [
        {
            "before": picture_address(before[i]),
            "trials": [
                {
                    "target": map_address(target[i, t].astype(np.float32), acted.aim),
                    "after": picture_address(_outlined(after[i, t], target[i, t])),
                }
                for t in range(after.shape[1])
            ],
        }
        for i in range(len(before))
    ]


def examples_png(acted: Acted, gap: int = 4) -> bytes:
    """A row a picture, as a PNG file: as it was, then as painted for each target, which is outlined."""
    before, after, target = (acted.examples[name] for name in ("before", "after", "target"))
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
