"""What a collection holds, in files and read from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from benchmarks.regret.schedules import Seconds
from underpainting.errors import UnderpaintingError
from underpainting.readers import read_json, read_tensors
from underpainting.seeds.layout import Maps
from underpainting.seeds.predict import BEST

CARD, WANTED = "collection.json", "wanted.safetensors"
TRIED, TAUGHT = "pictures", "calibrate"
"""Names of the batches: what seeds are chosen among, and the pictures that teach how predictions are read."""

Ways = Mapping[str, Maps]
"""Maps by the name of the way in which they are read, the one to be taken without a choice first."""


@dataclass(frozen=True)
class Pictures:
    """Maps of finished pictures, and what was predicted of them by source and step (0: before the first)."""

    final: Maps
    predicted: Mapping[tuple[str, int], Ways]


@dataclass(frozen=True)
class Collection:
    """All that was collected.

    prompts: their texts. seeds: how many of each. steps: of a picture. tried: pictures by prompt, and within
    it by seed. taught: calibrate pictures. wanted: by property, maps [prompt, row, column] of the picture
    whose layout is wished for with each. seconds: what parts take. machine: what they were measured on.
    """

    prompts: tuple[str, ...]
    seeds: int
    steps: int
    tried: Pictures
    taught: Pictures
    wanted: Maps
    seconds: Seconds
    machine: Mapping[str, Any]


def read_collection(folder: Path) -> Collection:
    """What was collected in a folder. Raises UnderpaintingError where it is none, or not whole."""
    if not (folder / CARD).is_file():
        raise UnderpaintingError(f"{folder} holds neither a study nor a collection: give one of both")
    card = read_json(folder / CARD)
    parts = {
        name: [part_file(folder, name, i) for i in range(count)] for name, count in card["batches"].items()
    }
    files = [path for of in parts.values() for path in of]
    if missing := [path.name for path in files if not path.is_file()]:
        raise UnderpaintingError(
            f"{folder} lacks {len(missing)} of {len(files)} batches ({missing[0]}): collect it to its end"
        )
    tensors = {name: [read_tensors(path) for path in of] for name, of in parts.items()}
    names = [name for name in tensors[TRIED][0] if name.startswith("seconds/")]
    spent = {name.split("/")[1]: median(float(of[name]) for of in tensors[TRIED]) for name in names}
    read = {"probe": spent["probe"], "estimator": spent["decode"] + spent["label"]}
    return Collection(
        prompts=tuple(card["prompts"]),
        seeds=card["seeds"],
        steps=card["steps"],
        tried=_pictures(tensors[TRIED], card["layers"]),
        taught=_pictures(tensors[TAUGHT], card["layers"]),
        wanted=read_tensors(folder / WANTED),
        seconds=Seconds(
            spent["begin"],
            spent["step"],
            {"random": 0.0, "noise": spent["noise"], **read},
            spent["decode"],
            spent["label"],
        ),
        machine=card["machine"],
    )


def part_file(folder: Path, name: str, number: int) -> Path:
    """The file of a batch."""
    return folder / f"{name}-{number:05d}.safetensors"


def _pictures(parts: Sequence[Mapping[str, Tensor]], layers: Mapping[str, Mapping[str, str]]) -> Pictures:
    """Of all batches; of the probes' ways the one by each property's best layer at the step is first."""
    kept: dict[tuple[str, int], dict[str, dict[str, Tensor]]] = {}
    for name in parts[0]:
        source, *rest = name.split("/")
        if source != "seconds":
            step, way, of = rest
            ways = kept.setdefault((source, int(step)), {BEST: {}} if source == "probe" else {})
            ways.setdefault(way, {})[of] = torch.cat([part[name] for part in parts])
    for (source, after), ways in kept.items():
        if source == "probe":
            ways[BEST] |= {of: ways[by_step[str(after)]][of] for of, by_step in layers.items()}
    (final,) = kept.pop(("final", 0)).values()
    return Pictures(final, kept)
