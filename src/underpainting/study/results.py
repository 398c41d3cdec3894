"""A finished study's figures in a few rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from underpainting.records import SCORES, read_table
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import METRICS, main_branch


@dataclass(frozen=True)
class Result:
    """Means of a metric over test pictures, at the best layer and last step.

    images: test pictures scored. set_aside: test pictures that were not, being unsound. scores: by source,
    None where undefined.
    """

    property: str
    layer: str
    step: int
    branch: str
    metric: str
    images: int
    set_aside: int
    scores: dict[str, float | None]


def results(study: StudyFolder) -> list[Result]:
    """The last step's scores of every property at its best layer, probe beside ceiling and controls.

    Raises UnderpaintingError where the study is not done.
    """
    study.require_done()
    study.require(study.scores_file)
    probes = study.probes
    aside = study.images["test"] - len(study.sound_rows("test"))
    branch = main_branch(probes.branches)
    rows = []
    for name, best in probes.best.items():
        wanted = (
            (pc.field("property") == name)
            & pc.field("layer").isin(["", best.layer])
            & pc.field("branch").isin(["", branch])
            & pc.field("step").isin([0, probes.steps])
        )
        table = read_table(study.scores_file, SCORES, ["source", "metric", "value"], wanted)
        values = table["value"].to_numpy()
        source, metric = (np.asarray(table[key].to_pylist()) for key in ("source", "metric"))
        for wanted_metric in METRICS:
            if wanted_metric == "rmse":  # of which less is better
                continue
            mine = metric == wanted_metric
            scored = int((mine & (source == "probe")).sum())
            if scored:
                scores = {of: _mean(values[mine & (source == of)]) for of in dict.fromkeys(source[mine])}
                rows.append(
                    Result(name, best.layer, probes.steps, branch, wanted_metric, scored, aside, scores)
                )
    return rows


def _mean(values: np.ndarray) -> float | None:
    present = values[np.isfinite(values)]
    return float(present.mean()) if len(present) else None
