"""Classes in a study: what a classifier sees step by step, and whether activations tell the right class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import save_file
from torch import Tensor

from underpainting.observers.class_names import right_classes
from underpainting.observers.classifiers import Classifier
from underpainting.probes import Moments, Probe, ridge
from underpainting.readers import read_json, read_tensors, refusing
from underpainting.records import CLASSIFICATION, SCORES, table_of_rows, write_json
from underpainting.study.kept.scores import score_rows
from underpainting.study.places import Places
from underpainting.study.request.prompts import PromptRow
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import Place

TOP = 5
SUM = 1e-2  # by how far probabilities of a class may fail to add up to 1
POOLED, CLASSES = "pooled.safetensors", "classes.parquet"
_WEIGHTS, _CARD = "classes.safetensors", "classes.json"


def classify(classifier: Classifier, frames: Tensor) -> Tensor:
    """Probabilities [picture, class] on the CPU, of frames uint8 [picture, height, width, 3].

    Raises UnderpaintingError where the classifier raises, or gives anything else.
    """
    with refusing(f"the classifier {classifier.name!r} fails", "mend it, or name another one"):
        seen = classifier(frames.permute(0, 3, 1, 2).float() / 255).detach().double().cpu()
        if seen.shape != (shape := (len(frames), len(classifier.classes))):
            raise ValueError(f"it gives {list(seen.shape)} for [picture, class] {list(shape)}")
        if not bool((seen >= 0).all() and ((seen.sum(1) - 1).abs() < SUM).all()):
            raise ValueError("it gives no probabilities, from 0 and adding up to 1")
        return seen


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
    rows: list[tuple[object, ...]] = []
    for picture, probabilities in seen.items():
        stepped = picture in ("noisy", "clean")
        for i, of in enumerate(probabilities):
            order = of.argsort(descending=True, stable=True)
            for rank, number in enumerate(order.tolist(), start=1):
                if rank <= TOP or kept[number]:
                    step, value = i + 1 if stepped else 0, float(of[number])
                    rows.append((image, prompt, picture, step, rank, classes[number], value))
    return table_of_rows(CLASSIFICATION, rows)


@dataclass(frozen=True)
class ClassProbes:
    """Linear probes of the right class on pooled activations, one a place, for the classes of fit prompts.

    classes: their indices among the classifier's. probes: by place, outputs [class].
    """

    classes: tuple[int, ...]
    probes: Mapping[Place, Probe]

    def read(self, pooled: Mapping[str, Tensor], places: Places) -> Tensor:
        """The classifier's index of the class read, [picture, layer, step, branch], of `Pooled.by_layer`."""
        known = torch.tensor(self.classes)
        shape = (len(places.watched), *places.shape[1:])
        read = torch.empty(len(next(iter(pooled.values()))), *shape, dtype=torch.long)
        for i, step, b, place in places:
            if i < len(places.watched):
                x = pooled[place.layer][:, step, b]
                read[:, i, step, b] = known[self.probes[place].apply(x).argmax(1)]
        return read

    def save(self, folder: Path) -> None:
        """Write them beside a study's controls."""
        tensors = {
            f"{'/'.join(map(str, place))}/{name}": part.contiguous()
            for place, probe in self.probes.items()
            for name, part in (("weight", probe.weight), ("bias", probe.bias))
        }
        save_file(tensors, folder / _WEIGHTS)
        write_json(folder / _CARD, {"classes": self.classes})


def load_class_probes(folder: Path) -> ClassProbes | None:
    """What `ClassProbes.save` wrote there, or None."""
    if not (folder / _CARD).is_file():
        return None
    parts: dict[Place, dict[str, Tensor]] = {}
    for name, part in read_tensors(folder / _WEIGHTS).items():
        layer, step, branch, kind = name.split("/")
        parts.setdefault(Place(layer, int(step), branch), {})[kind] = part
    classes = read_json(folder / _CARD)["classes"]
    probes = {place: Probe(own["weight"], own["bias"]) for place, own in parts.items()}
    return ClassProbes(tuple(classes), probes)


def known_rows(rows: Sequence[PromptRow], classes: Sequence[str]) -> dict[PromptRow, int]:
    """The rows whose prompt names a class, with its index."""
    right = {row: right_classes(row.prompt, classes) for row in rows}
    return {row: numbers[0] for row, numbers in right.items() if numbers}


def fit_class_probes(
    study: StudyFolder, places: Places, classes: Sequence[str], strengths: Sequence[float]
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

    targets, wanted = indicators(fit.right), indicators(judge.right[chosen]).double()
    probes = {}
    for layer in places.watched:
        x, z = fit.activations[layer.name], judge.activations[layer.name][torch.from_numpy(chosen)]
        for step in range(places.steps):
            for b, branch in enumerate(places.branches):
                moments = Moments(layer.channels, len(known))
                moments.update(x[:, step, b].float(), targets)
                solved = ridge(moments, strengths)
                read = torch.einsum("pc,cst->pst", z[:, step, b].double(), solved.weight) + solved.bias
                best = int((read - wanted[:, None]).square().mean((0, 2)).argmin())
                probes[Place(layer.name, step + 1, branch)] = solved.pick(best).float()
    return ClassProbes(known, probes)


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
    names, steps = [layer.name for layer in places.watched], range(1, places.steps + 1)
    scores = {("class", "accuracy"): (read == right).float()}
    return score_rows("probe", scores, list(known), names, steps, places.branches)


def calibrate_class_scores(
    probes: ClassProbes, study: StudyFolder, places: Places, classes: Sequence[str]
) -> pa.Table:
    """Score rows of class probes on the calibrate pictures."""
    held = _pooled(study, "calibrate", classes)
    return class_scores(probes, held.activations, held.rows, places, classes)


@dataclass(frozen=True)
class _Held:
    rows: list[PromptRow]
    right: np.ndarray
    activations: dict[str, Tensor]


def _pooled(study: StudyFolder, split: str, classes: Sequence[str]) -> _Held:
    """Pooled activations of a split's sound pictures whose prompt names a class."""
    kept: dict[str, Tensor] = {}
    for shard in study.of_split(split):
        kept |= read_tensors(study.shard_file(shard.number, POOLED))
    images = {name.partition("/")[0] for name in kept}
    pictures = [row for shard in study.of_split(split) for row in shard.pictures if row.image in images]
    known = known_rows(pictures, classes)
    layers = dict.fromkeys(name.partition("/")[2] for name in kept)
    return _Held(
        list(known),
        np.array(list(known.values()), dtype=np.int64),
        {layer: torch.stack([kept[f"{row.image}/{layer}"] for row in known]) for layer in layers if known},
    )
