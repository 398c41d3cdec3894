"""What `underpainting classify` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import typer

from underpainting.cli._screen import as_json, interval, table
from underpainting.findings.classification import (
    Accuracy,
    Recognised,
    Seen,
    accuracies,
    calibration,
    calibration_error,
    noise_answer,
    recognised,
)
from underpainting.vocabulary import first_step, step_interval

SHOWN_WHOLE = 4
PLACES = ("first", "second", "third", "fourth", "fifth")


def recognition(seen: Sequence[Seen], layer: str, probe: Sequence[Accuracy]) -> None:
    """Print what was seen: of a few pictures step by step, of a study or of many as shares.

    layer, probe: of the best class probe, and its accuracy by step; empty where there is none.
    """
    unnamed = {of.image for of in seen if of.prompt and not of.right}
    if unnamed:
        typer.echo(f"no match: the prompts of {len(unnamed)} pictures name no class; give it by --class")
    unsaid = {of.image for of in seen if not (of.prompt or of.right) and of.steps[0] > 0}
    if unsaid:
        typer.echo(f"give the right class of {len(unsaid)} pictures by --class to see when it is recognised")
    if not probe and len({of.image for of in seen}) <= SHOWN_WHOLE:
        _one_by_one(seen)
    else:
        _together(seen, layer, probe)
    if noise := noise_answer(seen):
        share = f"{noise.share:.0%} of {noise.pictures}"
        typer.echo(
            f"baseline: the classifier calls pure noise {noise.name} ({share} noisy pictures of the first "
            f"step, mean probability {noise.probability:.2f}). Where that is the right class, noisy pictures "
            "are not counted among the recognised"
        )


def recognition_as_json(seen: Sequence[Seen], layer: str, probe: Sequence[Accuracy]) -> None:
    """Print the same as JSON."""
    parts: dict[str, Sequence[Any]] = {
        "recognised": recognised(seen),
        "accuracy": [*accuracies(seen), *probe],
        "calibration": calibration(seen),
    }
    rows = {name: [asdict(row) for row in part] for name, part in parts.items()}
    as_json({"class_probe": layer, **rows})


def _one_by_one(seen: Sequence[Seen]) -> None:
    """The first five classes of every picture, then when each image is recognised."""
    for of in seen:
        typer.echo(f"\n{of.prompt or of.image}: {of.picture}")
        table(
            ["step", *PLACES],
            [[step or "-", *_first(best)] for step, best in zip(of.steps, of.best, strict=True)],
        )
    if found := recognised(seen):
        columns = ["image", "picture", "right", "first from step", "above 90 % from step", "last"]
        rows = [
            [r.image, r.picture, r.right, *(_of_noise(r) or map(first_step, (r.first, r.sure))), r.last]
            for r in found
        ]
        table(columns, rows, keys=2)


def _first(best: Sequence[tuple[str, float]]) -> list[str]:
    """The first five classes of a picture, each with its probability."""
    named = [f"{name.split(',')[0]} {value:.2f}" for name, value in best]
    return [*named, *["-"] * (len(PLACES) - len(named))]


def _of_noise(row: Recognised) -> tuple[str, str] | None:
    return ("noise's answer", "noise's answer") if row.noise else None


def _together(seen: Sequence[Seen], layer: str, probe: Sequence[Accuracy]) -> None:
    """First classes of photographs; accuracy by step, when images are recognised, calibration; then pictures
    of no step.
    """
    if photographs := [[of.image, *_first(of.best[0])] for of in seen if of.picture == "photograph"]:
        table(["photograph", *PLACES], photographs)
    words = {
        "noisy": "noisy pictures",
        "clean": "predicted clean pictures",
        "probe": f"class probe at {layer}",
    }
    shares = {(row.picture, row.step): row for row in [*accuracies(seen), *probe]}
    kinds = [kind for kind in words if any(picture == kind for picture, _ in shares)]
    if kinds:
        rows: list[list[object]] = []
        for step in sorted({step for _, step in shares if step}):
            of_step = [shares.get((kind, step)) for kind in kinds]
            cells = [(r.accuracy, interval(r.low, r.high)) if r else (None, "-") for r in of_step]
            rows.append([step, *(part for cell in cells for part in cell)])
        table(["step", *(part for kind in kinds for part in (words[kind], "95 % interval"))], rows)
    found = [row for row in recognised(seen) if not row.noise]
    if looks := [kind for kind in kinds if any(r.picture == kind for r in found)]:
        rows = []
        for kind in looks:
            first = [r.first or np.inf for r in found if r.picture == kind]
            quartiles = np.percentile(first, (25, 50, 75), method="inverted_cdf")
            low, middle, high = (int(of) if np.isfinite(of) else None for of in quartiles)
            error = calibration_error([row for row in calibration(seen) if row.picture == kind])
            rows.append(
                [
                    words[kind],
                    len(first),
                    first_step(middle),
                    step_interval(low, high) or "-",
                    first.count(np.inf),
                    error,
                ]
            )
        columns = [
            "picture",
            "images",
            "first from step (median)",
            "quartiles",
            "not reached",
            "calibration error",
        ]
        table(columns, rows, keys=2)
    for picture in ("final", "photograph"):
        if (picture, 0) in shares:
            row = shares[picture, 0]
            within = interval(row.low, row.high)
            typer.echo(f"{picture} pictures: {row.accuracy:.3f} of {row.pictures} right ({within})")
