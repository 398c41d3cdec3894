"""From arrays of scores to the rows of a score table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from torch import Tensor

from underpainting.records import SCORES, sealing
from underpainting.study.places import SOURCES, Places
from underpainting.study.prompts import PromptRow
from underpainting.study.scoring import Scores


def probe_rows(scores: Scores, places: Places, pictures: Sequence[PromptRow]) -> pa.Table:
    """Rows of probes, shuffled labels and stand-ins, from arrays [picture, layer, step, branch, source].

    A stand-in's rows are in the name of the watched layer.
    """
    steps, names = list(range(1, places.steps + 1)), [layer.name for layer in places.watched]
    parts: list[tuple[Sequence[int], tuple[str, ...]]] = [(range(len(places.watched)), SOURCES)]
    parts += [(layers, (source,)) for source, layers in places.stand_ins.items()]
    return pa.concat_tables(
        _rows(
            name,
            values[:, list(layers), :, :, : len(sources)].movedim(-1, 1),
            names,
            pictures,
            sources,
            steps,
            places.branches,
        )
        for layers, sources in parts
        for name, values in scores.items()
    )


def layer_rows(scores: Scores, source: str, places: Places, pictures: Sequence[PromptRow]) -> pa.Table:
    """Rows of position or ceiling, step 0 and no branch, from arrays [picture, layer]."""
    names = [layer.name for layer in places.watched]
    return pa.concat_tables(
        _rows(
            name, values[:, None, : len(places.watched), None, None], names, pictures, (source,), [0], ("",)
        )
        for name, values in scores.items()
    )


def opponent_rows(scores: Mapping[str, Scores], steps: Sequence[int], picture: PromptRow) -> pa.Table:
    """Rows of one picture from arrays [step] by source and score; they belong to no layer and no branch."""
    tables = [
        _rows(name, values[None, None, None, :, None], [""], [picture], (source,), steps, ("",))
        for source, of in scores.items()
        for name, values in of.items()
    ]
    return pa.concat_tables([SCORES.empty_table(), *tables])


def class_probe_rows(right: Tensor, places: Places, pictures: Sequence[PromptRow]) -> pa.Table:
    """Rows of whether class probes are right, from [picture, layer, step, branch] of 0 and 1."""
    names, steps = [layer.name for layer in places.watched], range(1, places.steps + 1)
    return _rows(
        "class/accuracy", right[:, None].float(), names, pictures, ("probe",), steps, places.branches
    )


def gather(tables: Iterable[pa.Table], path: Path, schema: pa.Schema = SCORES) -> None:
    """Put tables together in one sealed file, one of them in memory at a time."""
    with sealing(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)


def _rows(
    name: str,
    values: Tensor,
    layers: Sequence[str],
    pictures: Sequence[PromptRow],
    sources: Sequence[str],
    steps: Sequence[int],
    branches: Sequence[str],
) -> pa.Table:
    """Rows of values [picture, source, layer, step, branch], in that order."""
    found, metric = name.split("/")
    index = [axis.ravel() for axis in np.indices(values.shape)]
    columns = {
        "property": _names([found], np.zeros(values.numel(), np.int32)),
        "layer": _names(layers, index[2]),
        "step": pa.array(np.asarray(steps, np.int16)[index[3]]),
        "branch": _names(branches, index[4]),
        "image": _names([row.image for row in pictures], index[0]),
        "prompt": _names([row.prompt for row in pictures], index[0]),
        "source": _names(sources, index[1]),
        "metric": _names([metric], np.zeros(values.numel(), np.int32)),
        "value": pa.array(values.contiguous().double().numpy().ravel()),
    }
    return pa.table(columns, schema=SCORES)


def _names(names: Sequence[str], index: np.ndarray) -> pa.DictionaryArray:
    distinct = {name: i for i, name in enumerate(dict.fromkeys(names))}
    place = np.asarray([distinct[name] for name in names], np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(place[index]), pa.array(list(distinct), pa.string()))
