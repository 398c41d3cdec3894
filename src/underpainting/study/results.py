"""A finished study's figures in a few rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from underpainting.errors import UnderpaintingError
from underpainting.probes import ProbeSet
from underpainting.records import SCORES, read_table
from underpainting.study.folder import Study

SOURCES = ("probe", "ceiling", "position", "shuffled")
NAMES = {
    "dice": "Dice",
    "average_precision": "average precision",
    "spearman": "rank",
    "pearson": "linear",
    "spearman_centred": "rank, position out",
    "pearson_centred": "linear, position out",
}


@dataclass(frozen=True)
class Result:
    """Means of a metric over test pictures, at the best layer and last step; None where undefined."""

    property: str
    layer: str
    step: int
    branch: str
    metric: str
    images: int
    probe: float | None
    ceiling: float | None
    position: float | None
    shuffled: float | None


def results(study: Study) -> list[Result]:
    """The last step's scores of every property at its best layer, probe beside ceiling and controls.

    Raises UnderpaintingError where the study is not done.
    """
    if not study.done:
        raise UnderpaintingError(
            f"{study.folder} is not finished; go on with it by `underpainting run {study.folder}`"
        )
    probes = ProbeSet.load(study.probes)
    branch = "conditional" if "conditional" in probes.branches else probes.branches[0]
    found = []
    for name, best in probes.best.items():
        wanted = (
            (pc.field("property") == name)
            & (pc.field("layer") == best.layer)
            & pc.field("step").isin([0, probes.steps])
        )
        table = read_table(study.scores, SCORES, ["branch", "source", "metric", "value"], wanted)
        columns = {key: np.asarray(table[key].to_pylist()) for key in ("branch", "source", "metric")}
        values = table["value"].to_numpy()
        mine = np.isin(columns["branch"], ["", branch])
        for metric in NAMES:
            of = {
                source: values[mine & (columns["metric"] == metric) & (columns["source"] == source)]
                for source in SOURCES
            }
            if len(of["probe"]):
                means = {source: _mean(chosen) for source, chosen in of.items()}
                found.append(
                    Result(name, best.layer, probes.steps, branch, metric, len(of["probe"]), **means)
                )
    return found


def _mean(values: np.ndarray) -> float | None:
    present = values[np.isfinite(values)]
    mean = float(present.mean()) if len(present) else math.nan
    return None if math.isnan(mean) else mean
