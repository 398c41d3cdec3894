"""Classes in a study: what a classifier sees step by step, and whether activations tell the right class."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from underpainting.diffusion import StepRecord
from underpainting.observers.classifiers import Classifier
from underpainting.observers.classifiers.names import right_classes
from underpainting.probes import Moments, ridge
from underpainting.records import CLASSIFICATION, SCORES, make_table
from underpainting.study.folder import Study, write_json
from underpainting.study.places import Place, Places
from underpainting.study.prompts import PromptRow
from underpainting.study.rows import class_probe_rows

TOP = 5
POOLED, CLASSES = "pooled.safetensors", "classes.parquet"
_WEIGHTS, _CARD = "classes.safetensors", "classes.json"


def classify(classifier: Classifier, frames: Tensor) -> Tensor:
    """Probabilities [picture, class] on the CPU, of frames uint8 [picture, height, width, 3]."""
    return classifier(frames.permute(0, 3, 1, 2).float() / 255).detach().double().cpu()


def classification_rows(
    seen: Mapping[str, Tensor], image: str, prompt: str, classes: Sequence[str], right: Sequence[int]
) -> pa.Table:
    """Rows of one image from probabilities [step, class] by picture (`noisy`, `clean`, or one of no step).

    right: indices of the right classes.
    """
    kept = torch.zeros(len(classes), dtype=torch.bool)
    kept[list(right)] = True
    for probabilities in seen.values():
        kept[probabilities.argmax(1)] = True
    columns: dict[str, list[object]] = {name: [] for name in CLASSIFICATION.names}
    for picture, probabilities in seen.items():
        stepped = picture in ("noisy", "clean")
        for i, of in enumerate(probabilities):
            order = of.argsort(descending=True, stable=True)
            for rank, number in enumerate(order.tolist(), start=1):
                if rank <= TOP or kept[number]:
                    step, value = i + 1 if stepped else 0, float(of[number])
                    values = (image, prompt, picture, step, rank, classes[number], value)
                    for name, held in zip(columns, values, strict=True):
                        columns[name].append(held)
    return make_table(CLASSIFICATION, columns)


class Pooled:
    """Mean activation over the tokens of every place, of a batch."""

    def __init__(self, places: Places) -> None:
        """Hold nothing yet."""
        self._places = places
        self._steps: list[dict[tuple[str, str], Tensor]] = []

    def look(self, record: StepRecord) -> None:
        """Pool one step."""
        self._steps.append(
            {
                (layer.name, branch): record.activations[layer.name][branch].float().mean(1).half().cpu()
                for layer in self._places.watched
                for branch in self._places.branches
            }
        )

    @cached_property
    def by_layer(self) -> dict[str, Tensor]:
        """By layer [picture, step, branch, channel], float16."""
        return {
            layer.name: torch.stack(
                [
                    torch.stack([step[layer.name, branch] for branch in self._places.branches], dim=1)
                    for step in self._steps
                ],
                dim=1,
            )
            for layer in self._places.watched
        }

    def of(self, i: int, image: str) -> dict[str, Tensor]:
        """The `i`-th picture's, as kept: `{image}/{layer}` [step, branch, channel]."""
        return {f"{image}/{name}": x[i].contiguous() for name, x in self.by_layer.items()}


@dataclass(frozen=True)
class ClassProbes:
    """Linear probes of the right class on pooled activations, one a place, for the classes of fit prompts.

    classes: their indices among the classifier's. maps: by place, weight [channel, class] and bias [class].
    """

    classes: tuple[int, ...]
    maps: Mapping[Place, tuple[Tensor, Tensor]]

    def read(self, pooled: Mapping[str, Tensor], places: Places) -> Tensor:
        """The classifier's index of the class read, [picture, layer, step, branch], of `Pooled.by_layer`."""
        known = torch.tensor(self.classes)
        shape = (len(places.watched), places.steps, len(places.branches))
        read = torch.empty(len(next(iter(pooled.values()))), *shape, dtype=torch.long)
        for i, layer in enumerate(places.watched):
            for step in range(places.steps):
                for b, branch in enumerate(places.branches):
                    weight, bias = self.maps[layer.name, step + 1, branch]
                    x = pooled[layer.name][:, step, b].float()
                    read[:, i, step, b] = known[(x @ weight + bias).argmax(1)]
        return read

    def save(self, folder: Path) -> None:
        """Write them beside a study's controls."""
        tensors = {
            f"{'/'.join(map(str, place))}/{name}": of.contiguous()
            for place, pair in self.maps.items()
            for name, of in zip(("weight", "bias"), pair, strict=True)
        }
        save_file(tensors, folder / _WEIGHTS)
        write_json(folder / _CARD, {"classes": self.classes})


def load_class_probes(folder: Path) -> ClassProbes | None:
    """What `ClassProbes.save` wrote there, or None."""
    if not (folder / _CARD).is_file():
        return None
    maps: dict[Place, dict[str, Tensor]] = {}
    for name, of in load_file(folder / _WEIGHTS).items():
        layer, step, branch, part = name.split("/")
        maps.setdefault((layer, int(step), branch), {})[part] = of
    classes = json.loads((folder / _CARD).read_text(encoding="utf-8"))["classes"]
    pairs = {place: (of["weight"], of["bias"]) for place, of in maps.items()}
    return ClassProbes(tuple(classes), pairs)


def known_rows(rows: Sequence[PromptRow], classes: Sequence[str]) -> dict[PromptRow, int]:
    """The rows whose prompt names a class, with its index."""
    right = {row: right_classes(row.prompt, classes) for row in rows}
    return {row: numbers[0] for row, numbers in right.items() if numbers}


def fit_class_probes(
    study: Study, places: Places, classes: Sequence[str], strengths: Sequence[float]
) -> ClassProbes | None:
    """Solve class probes from the fit shards' pooled activations; None where prompts name fewer than two.

    Least squares on indicators of the class, its ridge strength chosen by squared error on the calibrate
    pictures (on the fit pictures, where no calibrate prompt names a known class).
    """
    fit, held = (_pooled(study, split, classes) for split in ("fit", "calibrate"))
    known = tuple(sorted(set(fit.right.tolist())))
    if len(known) < 2:
        return None
    place_of = {number: i for i, number in enumerate(known)}
    judged = np.isin(held.right, known)
    judge, chosen = (held, judged) if judged.any() else (fit, np.ones(len(fit.right), bool))

    def indicators(right: np.ndarray) -> Tensor:
        return torch.eye(len(known))[[place_of[number] for number in right.tolist()]]

    wanted = indicators(judge.right[chosen]).double()
    maps = {}
    for layer in places.watched:
        x, z = fit.activations[layer.name], judge.activations[layer.name][torch.from_numpy(chosen)]
        for step in range(places.steps):
            for b, branch in enumerate(places.branches):
                moments = Moments(layer.channels, len(known))
                moments.update(x[:, step, b].float(), indicators(fit.right))
                solution = ridge(moments, strengths)
                read = z[:, step, b].double() @ solution.weight + solution.bias[:, None]
                best = int((read - wanted).square().mean((1, 2)).argmin())
                pair = solution.weight[best].float(), solution.bias[best].float()
                maps[layer.name, step + 1, branch] = pair
    return ClassProbes(known, maps)


def class_scores(
    probes: ClassProbes,
    pooled: Mapping[str, Tensor],
    rows: Sequence[PromptRow],
    places: Places,
    classes: Sequence[str],
) -> pa.Table:
    """Score rows of class probes on a batch's pooled activations, of pictures whose prompt names a class."""
    known = known_rows(rows, classes)
    if not known:
        return SCORES.empty_table()
    at = [i for i, row in enumerate(rows) if row in known]
    read = probes.read({name: x[at] for name, x in pooled.items()}, places)
    right = torch.tensor(list(known.values()))[:, None, None, None]
    return class_probe_rows(read == right, places, list(known))


def calibrate_class_scores(
    probes: ClassProbes, study: Study, places: Places, classes: Sequence[str]
) -> pa.Table:
    """Score rows of class probes on the calibrate pictures."""
    held = _pooled(study, "calibrate", classes)
    return class_scores(probes, held.activations, held.rows, places, classes)


@dataclass(frozen=True)
class _Held:
    rows: list[PromptRow]
    right: np.ndarray
    activations: dict[str, Tensor]


def _pooled(study: Study, split: str, classes: Sequence[str]) -> _Held:
    """Pooled activations of a split's sound pictures whose prompt names a class."""
    kept: dict[str, Tensor] = {}
    for shard in study.of_split(split):
        kept |= load_file(study.shard(shard.number) / POOLED)
    images = {name.partition("/")[0] for name in kept}
    pictures = [row for shard in study.of_split(split) for row in shard.pictures if row.image in images]
    known = known_rows(pictures, classes)
    layers = dict.fromkeys(name.partition("/")[2] for name in kept)
    return _Held(
        list(known),
        np.array(list(known.values()), dtype=np.int64),
        {layer: torch.stack([kept[f"{row.image}/{layer}"] for row in known]) for layer in layers if known},
    )
