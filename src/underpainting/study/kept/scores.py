"""Arrays of scores of many pictures, from readings to the rows of a score table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from underpainting.probes import Scorer
from underpainting.records import SCORES, sealing
from underpainting.study.places import TARGETS, Places
from underpainting.study.request.prompts import PromptRow
from underpainting.vocabulary import Grid, ProbeLayer

Scores = dict[tuple[str, str], Tensor]
"""By property and metric, [picture, layer, step, branch]; on calibrate pictures [..., strength] follows."""


def probe_scores(
    scorer: Scorer,
    maps: Mapping[str, Tensor],
    places: Places,
    thresholds: Mapping[tuple[str, str], Tensor] | None = None,
    means: Mapping[str, Tensor] | None = None,
) -> dict[str, Scores]:
    """Scores of probes' readings by target; those of shuffled labels are judged by such, in watched layers.

    maps: as `Readings.maps`, outputs [..., target, property]. thresholds: by target and binary property
    [layer, step, branch]; without them a binary property has its Dice at every candidate threshold. means: by
    layer, the mean reading of each token, as one picture's maps.
    """
    scores: dict[str, Scores] = {}
    for t, target in enumerate(TARGETS):
        judge = scorer.of_others() if target == "shuffled" else scorer
        layers = places.watched if target == "shuffled" else places.layers
        scores[target] = _stacked(
            layers,
            [
                {
                    (of.name, metric): value
                    for k, of in enumerate(places.properties)
                    for metric, value in judge.scores(
                        of.name,
                        maps[layer.name][..., t, k, :],
                        layer.grid,
                        threshold=thresholds[target, of.name][i] if thresholds and of.binary else None,
                        mean=means[layer.name][..., t, k, :] if means else None,
                        parts=thresholds is not None,
                    ).items()
                }
                for i, layer in enumerate(layers)
            ],
        )
    return scores


def position_scores(
    scorer: Scorer,
    places: Places,
    positions: Mapping[Grid, Tensor],
    pictures: int,
    cuts: Mapping[str, Tensor] | None = None,
) -> Scores:
    """Scores [picture, layer] of position alone in the watched layers.

    cuts: thresholds [layer] of binary properties; without them their Dice is at every candidate threshold.
    """
    return _stacked(
        places.watched,
        [
            {
                (of.name, metric): value
                for k, of in enumerate(places.properties)
                for metric, value in scorer.scores(
                    of.name,
                    positions[layer.grid][k].expand(pictures, -1),
                    layer.grid,
                    threshold=cuts[of.name][i] if cuts and of.binary else None,
                ).items()
            }
            for i, layer in enumerate(places.watched)
        ],
    )


def ceiling_scores(scorer: Scorer, places: Places) -> Scores:
    """Scores [picture, layer] of the best map that each watched layer's grid could give."""
    by_grid = {
        grid: {
            (of.name, metric): value
            for of in places.properties
            for metric, value in scorer.ceilings(of.name, grid).items()
        }
        for grid in dict.fromkeys(layer.grid for layer in places.watched)
    }
    return _stacked(places.watched, [by_grid[layer.grid] for layer in places.watched])


def _stacked(layers: Sequence[ProbeLayer], scores: Sequence[Scores]) -> Scores:
    """Scores [picture, ...] of every layer as [picture, layer, ...]."""
    assert len(layers) == len(scores)
    return {key: torch.stack([of[key] for of in scores], dim=1) for key in scores[0]}


def joined(batches: Sequence[dict[str, Scores]]) -> dict[str, Scores]:
    """Scores of several batches, by source, as one: pictures in order."""
    return {
        source: {key: torch.cat([batch[source][key] for batch in batches]) for key in batches[0][source]}
        for source in (batches[0] if batches else {})
    }


def place_rows(
    scores: Mapping[str, Scores], places: Places, pictures: Sequence[PromptRow]
) -> Iterable[pa.Table]:
    """Rows of probes by target [picture, layer, step, branch]: the probe's, its stand-ins', shuffled ones.

    A stand-in's rows are in the name of the watched layer.
    """
    steps, names = range(1, places.steps + 1), [layer.name for layer in places.watched]
    columns = {source: (scores["probe"], index) for source, index in places.columns.items()}
    columns["shuffled"] = (scores["shuffled"], list(range(len(names))))
    for source, (own, index) in columns.items():
        taken = {key: values[:, index] for key, values in own.items()}
        yield score_rows(source, taken, pictures, names, steps, places.branches)


def layer_rows(source: str, scores: Scores, places: Places, pictures: Sequence[PromptRow]) -> pa.Table:
    """Rows of a source that has layers, but neither steps nor branches, from arrays [picture, layer]."""
    names = [layer.name for layer in places.watched]
    shaped = {key: values[:, :, None, None] for key, values in scores.items()}
    return score_rows(source, shaped, pictures, names, [0], [""])


def score_rows(
    source: str,
    scores: Scores,
    pictures: Sequence[PromptRow],
    layers: Sequence[str],
    steps: Sequence[int],
    branches: Sequence[str],
) -> pa.Table:
    """Rows of one source from arrays [picture, layer, step, branch]; a layer or branch may be empty."""
    tables = [SCORES.empty_table()]
    for (name, metric), values in scores.items():
        index = [axis.ravel() for axis in np.indices(values.shape)]
        none = np.zeros(values.numel(), np.int32)
        columns = {
            "property": _names([name], none),
            "layer": _names(layers, index[1]),
            "step": pa.array(np.asarray(steps, np.int16)[index[2]]),
            "branch": _names(branches, index[3]),
            "image": _names([row.image for row in pictures], index[0]),
            "prompt": _names([row.prompt for row in pictures], index[0]),
            "source": _names([source], none),
            "metric": _names([metric], none),
            "value": pa.array(values.contiguous().double().numpy().ravel()),
        }
        tables.append(pa.table(columns, schema=SCORES))
    return pa.concat_tables(tables)


def gather(tables: Iterable[pa.Table], path: Path, schema: pa.Schema = SCORES) -> None:
    """Put tables together in one sealed file, one of them in memory at a time."""
    with (
        sealing(path) as temporary,
        pq.ParquetWriter(temporary.absolute(), schema, compression="zstd") as writer,
    ):
        for table in tables:
            writer.write_table(table)


def _names(names: Sequence[str], index: np.ndarray) -> pa.DictionaryArray:
    distinct = {name: i for i, name in enumerate(dict.fromkeys(names))}
    place = np.asarray([distinct[name] for name in names], np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(place[index]), pa.array(list(distinct), pa.string()))
