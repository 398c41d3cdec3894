"""When pictures are recognised: the classifier step by step, beside the class probe."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from studio.tables.cells import number, table
from studio.tables.files import answer

STEPS = (1, 3, 5, 8, 10, 12, 15)
NOISY, CLEAN, PROBE = "noisy", "clean", "probe"


def accuracy() -> str:
    """The share of pictures whose right class is first, by step."""
    found = answer("classify", " classify ")
    shares = {(r["picture"], r["step"]): r["accuracy"] for r in found["accuracy"]}
    titles = {
        NOISY: "classifier, noisy pictures (as published)",
        CLEAN: "classifier, predicted clean pictures",
        PROBE: f"linear class probe, mean activation of `{found['class_probe']}`",
    }
    rows = [[told, *(number(shares[kind, at]) for at in STEPS)] for kind, told in titles.items()]
    return table(("right class first, share of pictures", f"step {STEPS[0]}", *map(str, STEPS[1:])), rows)


def recognised() -> str:
    """From which step the right class stays first, and how far the classifier can be trusted there."""
    found = answer("classify", " classify ")
    rows = []
    for kind, told in ((NOISY, "noisy"), (CLEAN, "predicted clean")):
        mine = [r for r in found["recognised"] if r["picture"] == kind and not r["noise"]]
        never = sum(r["first"] is None for r in mine)
        bins = [r for r in found["calibration"] if r["picture"] == kind]
        rows.append([told, len(mine), *_quartiles(mine), never, number(_error(bins))])
    head = ("pictures", "images", "first from step (median)", "quartiles", "never")
    return table((*head, "expected calibration error"), rows)


def _quartiles(rows: Sequence[dict[str, Any]]) -> tuple[str, str]:
    first = [np.inf if r["first"] is None else r["first"] for r in rows]
    low, middle, high = np.percentile(first, (25, 50, 75), method="inverted_cdf")
    told = [f"{value:.0f}" if np.isfinite(value) else "not reached" for value in (low, middle, high)]
    return told[1], f"{told[0]} and {told[2]}"


def _error(bins: Sequence[dict[str, Any]]) -> float:
    """The mean gap between the share that is right and the probability given."""
    gaps = [abs(r["accuracy"] - r["probability"]) for r in bins]
    return statistics.fmean(gaps, weights=[r["pictures"] for r in bins])
