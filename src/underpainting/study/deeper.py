"""Non-linear and gradient-trained probes beside a study's own, on activations captured for the purpose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from underpainting.diffusion import StepRecord
from underpainting.findings.draws import cluster_draws, drawn_means
from underpainting.probes import (
    Patches,
    ProbeSet,
    average_precision,
    cell_means,
    gradient_scores,
    pixel_ranks,
    spearman,
    train_gradient_probe,
    train_two_layer_probe,
)
from underpainting.probes.gradient import Kind
from underpainting.records import main_branch
from underpainting.study.environment import Workshop
from underpainting.study.film import spread
from underpainting.study.folder import Study
from underpainting.study.making import make_batch
from underpainting.study.places import Place, Property
from underpainting.study.progress import Progress
from underpainting.study.prompts import PromptRow
from underpainting.study.shards import set_aside

STEPS = (1, 3, 8, 15)


@dataclass(frozen=True)
class Deeper:
    """Mean scores over test pictures of three probes of one place, and what the second layer adds.

    solved: the study's own, from all fit pictures; gradient: the published linear probe; two_layer: the
    non-linear one; both trained on `fit` of them. gain: two_layer less solved, with its 95 % interval.
    """

    property: str
    layer: str
    step: int
    metric: str
    fit: int
    test: int
    solved: float
    gradient: float
    two_layer: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class _Captured:
    activations: dict[Place, Tensor]  # [picture, token, channel], float16
    labels: dict[str, Tensor]  # [picture, height, width]


def deeper_probes(study: Study, workshop: Workshop, pictures: int, progress: Progress) -> list[Deeper]:
    """Capture the best layers at steps 1, 3, 8 and 15 (as far as there are) and train on them.

    pictures: of the fit pictures, spread evenly, and half as many of the test pictures.
    """
    probes = ProbeSet.load(study.probes)
    branch = main_branch(probes.branches)
    steps = [step for step in STEPS if step <= probes.steps]
    places = {
        (found.name, step): (probes.best_layer(found.name), step, branch)
        for found in workshop.places.properties
        for step in steps
    }
    unsound = set_aside(study.shard(shard.number) for shard in study.shards)
    sound = {
        split: [row for shard in study.of_split(split) for row in shard.pictures if row.image not in unsound]
        for split in ("fit", "test")
    }
    rows = {"fit": spread(sound["fit"], pictures), "test": spread(sound["test"], -(-pictures // 2))}
    progress.start(sum(map(len, rows.values())), 0)
    made = {
        split: _capture(study, workshop, of, set(places.values()), progress) for split, of in rows.items()
    }
    prompts = np.unique([row.prompt for row in rows["test"]], return_inverse=True)[1]
    return [
        _compare(made, probes, found, places[found.name, step], prompts)
        for found in workshop.places.properties
        for step in steps
    ]


def _capture(
    study: Study, workshop: Workshop, rows: list[PromptRow], places: set[Place], progress: Progress
) -> _Captured:
    kept: dict[Place, list[Tensor]] = {place: [] for place in places}
    labels: dict[str, list[Tensor]] = {}

    def look(record: StepRecord) -> None:
        for layer, step, branch in places:
            if step == record.step:
                kept[layer, step, branch].append(record.activations[layer][branch].half().cpu())

    size = study.config.run.batch_size
    for start in range(0, len(rows), size):
        batch = rows[start : start + size]
        made = make_batch(
            workshop.model,
            workshop.estimator,
            batch,
            study.config.model,
            workshop.places,
            look,
            progress.advance,
        )
        for name, label in made.labels.items():
            labels.setdefault(name, []).append(label)
    return _Captured(
        {place: torch.cat(of) for place, of in kept.items()},
        {name: torch.cat(of) for name, of in labels.items()},
    )


def _compare(
    made: dict[str, _Captured], probes: ProbeSet, found: Property, place: Place, prompts: np.ndarray
) -> Deeper:
    grid = next(layer.grid for layer in probes.layers if layer.name == place[0])
    x, y = (made["fit"].activations[place], made["fit"].labels[found.name])
    test, label = made["test"].activations[place].float(), made["test"].labels[found.name]
    solved = probes.at(*place)
    kind: Kind = "saliency" if found.binary else "depth" if found.name == "depth" else "shading"
    readings = {
        "solved": solved.apply(test)[..., solved.properties.index(found.name)],
        "gradient": gradient_scores(train_gradient_probe(x, y, kind, grid=grid), test),
        "two_layer": train_two_layer_probe(x, cell_means(y, grid), found.binary)(test),
    }
    patches = Patches.of(label, grid, None if found.binary else pixel_ranks(label))
    judge = average_precision if found.binary else spearman
    scores = {name: judge(read, patches).numpy() for name, read in readings.items()}
    gain = scores["two_layer"] - scores["solved"]
    low, high = np.nanpercentile(drawn_means(gain, cluster_draws(prompts)), (2.5, 97.5))
    means = {name: float(np.nanmean(of)) for name, of in scores.items()}
    metric = "average_precision" if found.binary else "spearman"
    return Deeper(
        property=found.name,
        layer=place[0],
        step=place[1],
        metric=metric,
        fit=len(x),
        test=len(test),
        **means,
        gain=float(np.nanmean(gain)),
        low=float(low),
        high=float(high),
    )
