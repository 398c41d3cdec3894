"""A score table as arrays by layer, step and picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from underpainting.errors import UnderpaintingError
from underpainting.records import SCORES, read_table

OF_NO_STEP = ("ceiling", "position", "luminance")


@dataclass(frozen=True)
class Scores:
    """Scores of one branch by test picture, as arrays.

    `cubes[property, metric, source]` is [layer, step, picture] with step 0 holding what has no step (ceiling,
    position) and NaN where there is no row; what belongs to no layer stands in every one. `prompts` [picture]
    numbers each picture's prompt, whose text is in `texts`.
    """

    images: tuple[str, ...]
    prompts: NDArray[np.int64]
    layers: tuple[str, ...]
    steps: int
    cubes: dict[tuple[str, str, str], NDArray[np.float64]]
    texts: tuple[str, ...] = ()

    def at(self, name: str, metric: str, source: str, layer: str, step: int) -> NDArray[np.float64]:
        """Values [picture] at a layer and step (any step finds what has none); NaN where there is no row."""
        cube = self.cubes.get((name, metric, source))
        if cube is None or layer not in self.layers:
            return np.full(len(self.images), np.nan)
        row = cube[self.layers.index(layer)]
        found: NDArray[np.float64] = row[0] if source in OF_NO_STEP else row[step]
        return found


def read_scores(path: Path, card: dict[str, Any], branch: str) -> Scores:
    """Scores of `branch` (and of rows with no branch) as cubes over the card's layers and steps.

    Raises UnderpaintingError when the file is not a table of scores or holds none for the branch.
    """
    table = read_table(path, SCORES)
    table = table.filter(pc.is_in(table["branch"].cast(pa.string()), pa.array([branch, ""])))
    if not table.num_rows:
        raise UnderpaintingError(f"{path} holds no scores for branch {branch}; run the study again")
    text = {
        name: _codes(table[name]) for name in ("property", "layer", "image", "prompt", "source", "metric")
    }
    layers = tuple(layer["name"] for layer in card["layers"])
    images, of_image = text["image"]
    place = np.array([layers.index(name) if name in layers else -1 for name in text["layer"][0]])[
        text["layer"][1]
    ]
    step = table["step"].to_numpy().astype(np.int64)
    value = table["value"].to_numpy()
    prompts = np.zeros(len(images), dtype=np.int64)
    prompts[of_image] = text["prompt"][1]
    named, numbered = np.unique(prompts, return_inverse=True)
    texts = tuple(text["prompt"][0][i] for i in named)
    steps = int(card["steps"])
    everywhere = np.array([name == "" for name in text["layer"][0]])[text["layer"][1]]
    known = ((place >= 0) | everywhere) & (step <= steps)
    cubes = {}
    for p, name in enumerate(text["property"][0]):
        of_name = known & (text["property"][1] == p)
        for m, metric in enumerate(text["metric"][0]):
            of_metric = of_name & (text["metric"][1] == m)
            for s, source in enumerate(text["source"][0]):
                rows = np.flatnonzero(of_metric & (text["source"][1] == s))
                if rows.size:
                    cube = np.full((len(layers), steps + 1, len(images)), np.nan)
                    for some, where in (
                        (rows[~everywhere[rows]], None),
                        (rows[everywhere[rows]], slice(None)),
                    ):
                        layer = place[some] if where is None else where
                        cube[layer, step[some], of_image[some]] = value[some]
                    cubes[name, metric, source] = cube
    return Scores(tuple(images), numbered.astype(np.int64), layers, steps, cubes, texts)


def _codes(column: Any) -> tuple[list[str], NDArray[np.int64]]:
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)
