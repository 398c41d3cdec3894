"""A finished study's figures in a few rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from underpainting.errors import UnderpaintingError
from underpainting.probes import ProbeSet
from underpainting.records import SCORES, main_branch, read_table, require_whole
from underpainting.study.folder import Study
from underpainting.study.shards import set_aside
from underpainting.vocabulary import METRICS

SOURCES = {
    "probe": "probe",
    "ceiling": "ceiling",
    "position": "position",
    "shuffled": "shuffled",
    "noisy_latents": "latents:noisy",
    "clean_latents": "latents:clean",
}


@dataclass(frozen=True)
class Result:
    """Means of a metric over test pictures, at the best layer and last step; None where undefined.

    images: test pictures scored. set_aside: test pictures that were not, being unsound.
    """

    property: str
    layer: str
    step: int
    branch: str
    metric: str
    images: int
    set_aside: int
    probe: float | None
    ceiling: float | None
    position: float | None
    shuffled: float | None
    noisy_latents: float | None
    clean_latents: float | None


def results(study: Study) -> list[Result]:
    """The last step's scores of every property at its best layer, probe beside ceiling and controls.

    Raises UnderpaintingError where the study is not done.
    """
    if not study.done:
        raise UnderpaintingError(
            f"{study.folder} is not finished; go on with it by `underpainting run {study.folder}`"
        )
    remake = f"`underpainting run {study.folder}` makes it again"
    require_whole(study.scores, remake)
    require_whole(study.probes, remake)
    probes = ProbeSet.load(study.probes)
    aside = len(set_aside(study.shard(shard.number) for shard in study.of_split("test")))
    branch = main_branch(probes.branches)
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
        for metric in METRICS:
            of = {
                field: values[mine & (columns["metric"] == metric) & (columns["source"] == source)]
                for field, source in SOURCES.items()
            }
            if len(of["probe"]) and metric != "rmse":  # of which less is better
                means = {field: _mean(chosen) for field, chosen in of.items()}
                found.append(
                    Result(name, best.layer, probes.steps, branch, metric, len(of["probe"]), aside, **means)
                )
    return found


def _mean(values: np.ndarray) -> float | None:
    present = values[np.isfinite(values)]
    mean = float(present.mean()) if len(present) else math.nan
    return None if math.isnan(mean) else mean
