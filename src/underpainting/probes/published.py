"""Probes as the study of Chen, Viegas and Wattenberg (2023) published them, as a probe set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.probes.files import Best, Entry, Key, ProbeSet
from underpainting.probes.probe import Probe
from underpainting.readers import checked_path, read_state
from underpainting.vocabulary import ProbeLayer

FILE = re.compile(
    r"(?P<kind>segmentation|regression)_probe_(?P<part>down|mid|up)_(?P<block>\d+)_attn1_out_(?P<attention>\d+)"
    r"(?P<variant>[\w.]*)\.pth"
)
STEP = re.compile(r"at_step_(\d+)")
OUTPUTS = {"segmentation": 2, "regression": 1}
GRIDS = {"down": (64, 32, 16), "mid": (8,), "up": (8, 16, 32, 64)}
"""Side of a block's grid in Stable Diffusion v1 at 512 x 512 pixels."""
CHANNELS = {64: 320, 32: 640, 16: 1280, 8: 1280}


@dataclass(frozen=True)
class _Found:
    path: Path
    kind: str
    property: str
    layer: str
    side: int
    step: int


def import_published(folder: Path, property: str | None = None, branch: str = "conditional") -> ProbeSet:
    """Read published checkpoints, `at_step_{0..14}/{segmentation,regression}_probe_..._attn1_out_....pth`.

    Each holds one linear layer without bias, `dense1`, saved by torch, and is read by `weights_only`. A
    two-class probe becomes one whose reading is the difference of its outputs, object where it is above 0;
    steps count from 1. Of two probes of one place the one named final is taken: the other was chosen on test
    pictures. property: what the probes read; by default `saliency` of two-class probes, of the others
    `shading` where the folder of their steps says so, else `depth` (both were fitted to standardised labels:
    the map less 15.740597, over 9.281932).

    Raises UnderpaintingError where there are none, or one is not of Stable Diffusion v1's sizes, or broken,
    or it is open which of several is meant.
    """
    found = _files(checked_path(folder))
    if not found:
        raise UnderpaintingError(
            f"no published probes in {folder}: give the folder that holds at_step_0 to at_step_14"
        )
    kinds = {of.kind for of in found.values()}
    if property is not None and len(kinds) > 1:
        raise UnderpaintingError(
            f"{folder} holds two-class and regression probes, which cannot all read {property!r}: give the "
            "folder of one kind"
        )
    entries, layers = {}, {}
    for of in found.values():
        weight = _weight(of)
        name = property or of.property
        two = len(weight) == 2
        reads = weight[1] - weight[0] if two else weight[0]
        entries[Key(name, of.layer, of.step, branch)] = Entry(
            Probe(reads, torch.tensor(0.0)), 0.0, 0.0 if two else None
        )
        layers[of.layer] = ProbeLayer(of.layer, (of.side, of.side), CHANNELS[of.side])
    binary = {key.property: entry.threshold is not None for key, entry in entries.items()}
    last = {name: max(key for key in entries if key.property == name) for name in binary}
    return ProbeSet(
        entries=entries,
        layers=tuple(layers[name] for name in sorted(layers, key=_order)),
        steps=max(key.step for key in entries),
        branches=(branch,),
        best={
            name: Best("up.3.0" if "up.3.0" in layers else of.layer, "dice" if binary[name] else "spearman")
            for name, of in last.items()
        },
        model="CompVis/stable-diffusion-v1-4",
        images={},
    )


def _files(folder: Path) -> dict[tuple[str, str, str, int], _Found]:
    """Checkpoints by kind, property, layer and step."""
    found: dict[tuple[str, str, str, int], _Found] = {}
    for of in _parsed(folder):
        key = of.kind, of.property, of.layer, of.step
        other = found.get(key, of)
        if other is of or (_is_final(of) and not _is_final(other)):
            found[key] = of
        elif _is_final(of) == _is_final(other):
            raise UnderpaintingError(
                f"{other.path} and {of.path} both read {of.property} at {of.layer}, step {of.step}: give the "
                "folder of one, or move the other away"
            )
    return found


def _parsed(folder: Path) -> Iterator[_Found]:
    for path in sorted(folder.rglob("*.pth")):
        name, step = FILE.fullmatch(path.name), STEP.fullmatch(path.parent.name)
        if not (name and step):
            continue
        part, block = name["part"], int(name["block"])
        if block >= len(GRIDS[part]):
            raise UnderpaintingError(f"{path}: Stable Diffusion v1 has no {part} block {block} that attends")
        layer = ".".join([part, *([] if part == "mid" else [name["block"]]), name["attention"]])
        shading = "shading" in path.parent.resolve().parent.name.lower()
        property = "saliency" if name["kind"] == "segmentation" else "shading" if shading else "depth"
        yield _Found(path, name["kind"], property, layer, GRIDS[part][block], int(step[1]) + 1)


def _is_final(of: _Found) -> bool:
    """Whether it is of the last epoch, not of the best one on test pictures."""
    return "_final" in of.path.stem


def _weight(of: _Found) -> Tensor:
    """The weight [output, channel] of a checkpoint."""
    state = read_state(of.path, "checkpoint of a probe", "fetch it again")
    if list(state) != ["dense1.weight"]:
        raise UnderpaintingError(
            f"{of.path} holds {', '.join(list(state)[:3]) or 'nothing'}, not one linear layer dense1 "
            "without bias"
        )
    weight = state["dense1.weight"].float()
    expected = (OUTPUTS[of.kind], CHANNELS[of.side])
    if tuple(weight.shape) != expected or not bool(weight.isfinite().all()):
        raise UnderpaintingError(
            f"{of.path}: dense1 is {list(weight.shape)}, a {of.kind} probe of {of.layer} is {list(expected)} "
            "and finite"
        )
    return weight


def _order(layer: str) -> tuple[int, ...]:
    part, *numbers = layer.split(".")
    return ("down", "mid", "up").index(part), *map(int, numbers)
