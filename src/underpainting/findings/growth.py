"""How knowledge grew over training: mean scores of a model's checkpoints, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from underpainting.errors import UnderpaintingError
from underpainting.readers import checked_path, reading
from underpainting.records import SCORES, plain_schema
from underpainting.study.study import open_study

MEANS = [("value_mean", pa.float64()), ("value_stddev", pa.float64()), ("value_count", pa.int64())]
KEYS = ["property", "layer", "step", "branch", "source", "metric"]


@dataclass(frozen=True)
class Grown:
    """One property at one checkpoint: the last step's probe, with position alone and the ceiling beside it.

    seen: how much training had been done, as the checkpoint's name says. low, high: 95 % interval of the
    probe's mean over pictures, from its standard error.
    """

    property: str
    layer: str
    metric: str
    seen: int
    probe: float
    low: float
    high: float
    position: float
    ceiling: float
    pictures: int


def mean_scores(scores: pa.Table) -> pa.Table:
    """A study's scores, meant over pictures: `value_mean`, `value_stddev` and `value_count` of every kind."""
    sound = scores.filter(pc.is_finite(scores["value"]))
    plain = sound.cast(plain_schema(sound.schema))
    table = plain.group_by(KEYS).aggregate([("value", "mean"), ("value", "stddev"), ("value", "count")])
    return table.sort_by([(key, "ascending") for key in KEYS])


def read_growth(
    folder: Path, layers: Mapping[str, str], metrics: Mapping[str, str], branch: str
) -> tuple[Grown, ...]:
    """Scores of checkpoints at one layer and metric a property, in the order of training.

    folder: holds studies of the checkpoints, or tables of `mean_scores`, each named by a number: how many
    samples or steps of training it had (`4000/`, `00004000.parquet`).

    Raises UnderpaintingError where there is none, or where one lacks what is asked for.
    """
    named = [
        path
        for path in checked_path(folder).glob("*")
        if path.stem.isdigit() and path.suffix in ("", ".parquet")
    ]
    if not named:
        raise UnderpaintingError(
            f"no checkpoints in {folder}: give a folder of studies, each named by how much training its "
            "model had, such as 4000"
        )
    tables = {path: _means(path) for path in sorted(named, key=lambda path: int(path.stem))}
    return tuple(
        _grown(table, path, name, layer, metrics[name], branch)
        for path, table in tables.items()
        for name, layer in layers.items()
    )


def _means(path: Path) -> pa.Table:
    if path.suffix:
        with reading(path, "table of mean scores", "give one that `mean_scores` made"):
            schema = pa.schema([*(plain_schema(SCORES).field(key) for key in KEYS), *MEANS])
            return pq.read_table(path, columns=schema.names).select(schema.names).cast(schema)
    study = open_study(path)
    return mean_scores(study.table(study.scores_file, SCORES))


def _grown(table: pa.Table, path: Path, name: str, layer: str, metric: str, branch: str) -> Grown:
    asked = (
        (pc.field("property") == name) & (pc.field("layer") == layer) & (pc.field("metric") == metric)
    ) & pc.field("branch").isin([branch, ""])
    rows = table.filter(asked).to_pylist()
    last = max((row["step"] for row in rows), default=0)
    beside = {row["source"]: row for row in rows if row["step"] in (0, last)}
    if lacking := {"probe", "position", "ceiling"} - beside.keys():
        raise UnderpaintingError(
            f"{path} has no {metric} of {name} at {layer} for {', '.join(sorted(lacking))}: give studies of "
            "the same network"
        )
    probe = beside["probe"]
    half = 1.96 * probe["value_stddev"] / math.sqrt(probe["value_count"])
    mean = probe["value_mean"]
    levels = beside["position"]["value_mean"], beside["ceiling"]["value_mean"]
    seen = int(path.stem)
    return Grown(name, layer, metric, seen, mean, mean - half, mean + half, *levels, probe["value_count"])
