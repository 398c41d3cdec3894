"""A score table as arrays by layer, step and picture."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from underpainting.controls import sources
from underpainting.errors import UnderpaintingError
from underpainting.findings.intervals import Floats
from underpainting.records import SCORES, read_parts
from underpainting.vocabulary import main_branch

UNCONDITIONAL = "unconditional"
EVERYWHERE, UNKNOWN = -1, -2


@dataclass(frozen=True)
class Scores:
    """Scores of one branch by test picture, as arrays.

    `cubes[property, metric, source]` is [layer, step, picture] with step 0 holding what has no step, and NaN
    where there is no row; what belongs to no layer stands in every one. `prompts` [picture] numbers each
    picture's prompt, whose text is in `texts`.
    """

    images: tuple[str, ...]
    prompts: NDArray[np.int64]
    layers: tuple[str, ...]
    steps: int
    cubes: dict[tuple[str, str, str], Floats]
    texts: tuple[str, ...] = ()

    def at(self, name: str, metric: str, source: str, layer: str, step: int) -> Floats:
        """Values [picture] at a layer and step (any step finds what has none); NaN where there is no row."""
        cube = self.cubes.get((name, metric, source))
        if cube is None or layer not in self.layers:
            return np.full(len(self.images), np.nan)
        values: Floats = cube[self.layers.index(layer), step if sources()[source].has_step else 0]
        return values


def read_scores(
    path: Path,
    layers: Sequence[str],
    steps: int,
    branches: Sequence[str],
    metrics: Collection[str] | None = None,
) -> Scores:
    """Scores of the main branch (and of rows with no branch) as cubes over a study's layers and steps.

    Where the unconditional branch was watched too, its probes' scores are beside them, as of the source
    `unconditional`. metrics: those that are wanted, or all. The file is read a part at a time. Raises
    UnderpaintingError when it is not a table of scores or holds none for the branch.
    """
    main = main_branch(branches)
    scores = _read_branch(path, tuple(layers), steps, main, metrics)
    if main == UNCONDITIONAL or UNCONDITIONAL not in branches:
        return scores
    beside = _read_branch(path, tuple(layers), steps, UNCONDITIONAL, metrics)
    order = [beside.images.index(image) for image in scores.images]
    own = {
        (name, metric, UNCONDITIONAL): cube[:, :, order]
        for (name, metric, source), cube in beside.cubes.items()
        if source == "probe"
    }
    return replace(scores, cubes=scores.cubes | own)


def best_layers(scores: Floats) -> NDArray[np.int64]:
    """Index of the best layer at the last step, [...], of mean scores [..., layer, step]."""
    last = np.where(np.isfinite(scores[..., -1]), scores[..., -1], -np.inf)
    best: NDArray[np.int64] = last.argmax(-1)
    return best


def of_layer(curves: Floats, layer: NDArray[np.int64]) -> Floats:
    """From [draw, layer, step] the curve [draw, step] of each draw's layer."""
    return curves[np.arange(len(curves)), layer]


def _read_branch(
    path: Path, layers: tuple[str, ...], steps: int, branch: str, metrics: Collection[str] | None
) -> Scores:
    images: dict[str, int] = {}
    prompts: dict[str, int] = {}
    prompt_of: dict[int, int] = {}
    is_there = False
    for part in read_parts(path, SCORES, ("branch", "metric", "image", "prompt")):
        rows = _wanted(part, branch, metrics)
        is_there = is_there or bool(len(rows) or len(_wanted(part, branch, None)))
        image, prompt = _numbered(part["image"], images, rows), _numbered(part["prompt"], prompts, rows)
        prompt_here = np.full(len(images), UNKNOWN)
        prompt_here[image] = prompt
        prompt_of |= {int(i): int(prompt_here[i]) for i in np.flatnonzero(prompt_here != UNKNOWN)}
    if not is_there:
        raise UnderpaintingError(f"{path} holds no scores for branch {branch}; run the study again")
    places = {name: i for i, name in enumerate(layers)} | {"": EVERYWHERE}
    cubes: dict[tuple[str, str, str], Floats] = {}
    for part in read_parts(path, SCORES, SCORES.names):
        rows = _wanted(part, branch, metrics)
        place, step = _coded(part["layer"], places)[rows], part["step"].to_numpy()[rows].astype(np.int64)
        image, value = _numbered(part["image"], images, rows), part["value"].to_numpy()[rows]
        names = [_words(part[name]) for name in ("property", "metric", "source")]
        code = np.ravel_multi_index(
            tuple(index[rows] for _, index in names), tuple(len(words) for words, _ in names)
        )
        if (strange := (place == UNKNOWN) | (step < 0) | (step > steps)).any():
            row = int(rows[np.flatnonzero(strange)[0]])
            layer, strange_step = part["layer"][row].as_py(), part["step"][row].as_py()
            raise UnderpaintingError(
                f"{path} has scores of layer {layer!r}, step {strange_step}, which its study has not; "
                "run it again"
            )
        for number in np.unique(code):
            mine = np.flatnonzero(code == number)
            where = np.unravel_index(number, tuple(len(words) for words, _ in names))
            name, metric, source = (words[i] for (words, _), i in zip(names, where, strict=True))
            everywhere = bool(place[mine[0]] == EVERYWHERE)
            if (name, metric, source) not in cubes:
                shape = (1 if everywhere else len(layers), steps + 1, len(images))
                cubes[name, metric, source] = np.full(shape, np.nan)
            at = 0 if everywhere else place[mine]
            cubes[name, metric, source][at, step[mine], image[mine]] = value[mine]
    whole = {key: np.broadcast_to(cube, (len(layers), *cube.shape[1:])) for key, cube in cubes.items()}
    numbers = np.array([prompt_of[i] for i in range(len(images))], dtype=np.int64)
    return Scores(tuple(images), numbers, layers, steps, whole, tuple(prompts))


def _wanted(part: pa.Table, branch: str, metrics: Collection[str] | None) -> NDArray[np.int64]:
    """Numbers of the rows of a branch, or of none, with one of the metrics."""
    wanted = _coded(part["branch"], {branch: 0, "": 0}) == 0
    if metrics is not None:
        wanted &= _coded(part["metric"], dict.fromkeys(metrics, 0)) == 0
    return np.flatnonzero(wanted)


def _words(column: Any) -> tuple[list[str], NDArray[np.int64]]:
    """Distinct words, and each row's place among them."""
    encoded = column.unify_dictionaries().combine_chunks()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


def _coded(column: Any, codes: Mapping[str, int]) -> NDArray[np.int64]:
    """Each row's code; UNKNOWN for words without one."""
    words, index = _words(column)
    return np.array([codes.get(word, UNKNOWN) for word in words], dtype=np.int64)[index]


def _numbered(column: Any, known: dict[str, int], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the rows' words among the known ones, which new words join."""
    words, index = _words(column)
    index = index[rows]
    for i in np.flatnonzero(np.bincount(index, minlength=len(words))):
        known.setdefault(words[i], len(known))
    return np.array([known.get(word, UNKNOWN) for word in words], dtype=np.int64)[index]
