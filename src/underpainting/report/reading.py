"""What the report reads from a study folder."""

import json
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from underpainting.errors import UnderpaintingError
from underpainting.records import PROMPTS, SCORES, read_table, sha256_file

HASHED = ("scores.parquet", "probes/probes.safetensors", "probes/card.json", "prompts.parquet", "study.toml")


@dataclass(frozen=True)
class Scores:
    """Scores of one branch by test picture, as arrays.

    `cubes[property, metric, source]` is [layer, step, picture] with step 0 holding what has no step (ceiling,
    position) and NaN where there is no row; `prompts` [picture] numbers each picture's prompt.
    """

    images: tuple[str, ...]
    prompts: NDArray[np.int64]
    layers: tuple[str, ...]
    steps: int
    cubes: dict[tuple[str, str, str], NDArray[np.float64]]

    def at(self, name: str, metric: str, source: str, layer: str, step: int) -> NDArray[np.float64]:
        """Values [picture] at a layer and step (any step finds what has none); NaN where there is no row."""
        cube = self.cubes.get((name, metric, source))
        if cube is None or layer not in self.layers:
            return np.full(len(self.images), np.nan)
        row = cube[self.layers.index(layer)]
        found: NDArray[np.float64] = row[0] if source in ("ceiling", "position") else row[step]
        return found


@dataclass(frozen=True)
class Gallery:
    """Test pictures kept for looking at: `about` is gallery.json, `arrays` are its tensors."""

    about: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Study:
    """Everything a report shows of a study, read once; `aside` says why pictures were set aside, by image."""

    name: str
    settings: dict[str, Any]
    environment: dict[str, Any]
    card: dict[str, Any]
    branch: str
    scores: Scores
    splits: dict[str, tuple[int, int]]
    gallery: Gallery | None
    aside: dict[str, str]
    hashes: dict[str, str]


def read_study(folder: Path) -> Study:
    """Read a finished study.

    Raises UnderpaintingError when the folder holds no finished study or a file in it cannot be read.
    """
    for needed in ("study.toml", "probes/card.json", "scores.parquet"):
        if not (folder / needed).is_file():
            raise UnderpaintingError(
                f"no report for {folder}: {needed} is not there; "
                f"finish the study with `underpainting run {folder}`"
            )
    card = _json(folder / "probes/card.json")
    branches = card.get("branches") or ["conditional"]
    branch = "conditional" if "conditional" in branches else str(branches[0])
    environment = folder / "environment.json"
    return Study(
        name=folder.resolve().name,
        settings=_toml(folder / "study.toml"),
        environment=_json(environment) if environment.is_file() else {},
        card=card,
        branch=branch,
        scores=read_scores(folder / "scores.parquet", card, branch),
        splits=_splits(folder / "prompts.parquet"),
        gallery=_gallery(folder / "gallery"),
        aside={k: v for path in sorted(folder.glob("shards/*/aside.json")) for k, v in _json(path).items()},
        hashes={name: sha256_file(folder / name) for name in HASHED if (folder / name).is_file()},
    )


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
    prompts = np.unique(prompts, return_inverse=True)[1].astype(np.int64)
    steps = int(card["steps"])
    known = (place >= 0) & (step <= steps)
    cubes = {}
    for p, name in enumerate(text["property"][0]):
        of_name = known & (text["property"][1] == p)
        for m, metric in enumerate(text["metric"][0]):
            of_metric = of_name & (text["metric"][1] == m)
            for s, source in enumerate(text["source"][0]):
                rows = np.flatnonzero(of_metric & (text["source"][1] == s))
                if rows.size:
                    cube = np.full((len(layers), steps + 1, len(images)), np.nan)
                    cube[place[rows], step[rows], of_image[rows]] = value[rows]
                    cubes[name, metric, source] = cube
    return Scores(tuple(images), prompts, layers, steps, cubes)


def _codes(column: Any) -> tuple[list[str], NDArray[np.int64]]:
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


def _splits(path: Path) -> dict[str, tuple[int, int]]:
    """Pictures and distinct prompts of each split."""
    if not path.is_file():
        return {}
    rows = read_table(path, PROMPTS, columns=["prompt", "split"]).to_pylist()
    pictures = Counter(str(row["split"]) for row in rows)
    prompts = Counter(split for split, _ in {(str(row["split"]), row["prompt"]) for row in rows})
    order = [*(s for s in ("fit", "calibrate", "test") if s in pictures), *sorted(set(pictures))]
    return {split: (pictures[split], prompts[split]) for split in dict.fromkeys(order)}


def _gallery(folder: Path) -> Gallery | None:
    if not (folder / "gallery.json").is_file():
        return None
    tensors = folder / "gallery.safetensors"
    try:
        return Gallery(_json(folder / "gallery.json"), load_file(tensors))
    except (SafetensorError, OSError) as error:
        raise UnderpaintingError(f"{tensors} cannot be read: {error}; run the study again") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnderpaintingError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise UnderpaintingError(f"{path} is not a JSON object")
    return found


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnderpaintingError(f"{path} is not TOML: {error}") from error
