"""Non-linear, gradient-trained and stacked probes beside a study's own, on activations captured for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from underpainting.diffusion import Layer, StepRecord
from underpainting.findings.draws import mean_interval
from underpainting.probes import (
    Patches,
    Probe,
    ProbeSet,
    ceiling,
    cell_means,
    enlarge,
    gradient_scores,
    pixel_ranks,
    ridge,
    train_gradient_probe,
    train_two_layer_probe,
)
from underpainting.probes.gradient import Kind
from underpainting.study.environment import Workshop
from underpainting.study.film import spread
from underpainting.study.folder import Study
from underpainting.study.places import Grid, Place, Places, Property, finest
from underpainting.study.progress import Progress
from underpainting.uses.remake import (
    Remade,
    best_places,
    judge,
    judging_metric,
    moments_of,
    prompt_numbers,
    remake,
    sound_rows,
    view_of,
)

STACKED = "stacked"


@dataclass(frozen=True)
class Deeper:
    """Mean scores over test pictures of the probes of one place, and what the second layer adds.

    solved: the study's own, from all fit pictures; gradient: the published linear probe; two_layer: the
    non-linear one; stacked: a linear one of the last layer of every block side by side on the finest grid.
    All but the first are trained on `fit` pictures. gain: two_layer less solved, with its 95 % interval.
    ceiling, stacked_ceiling: the best that the layer's grid, and the finest, could give.
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
    stacked: float
    ceiling: float
    stacked_ceiling: float
    gain: float
    low: float
    high: float


def deeper_probes(study: Study, workshop: Workshop, pictures: int, progress: Progress) -> list[Deeper]:
    """Capture the best layers at steps 1, 3, 8 and 15 (as far as there are) and train on them.

    pictures: of the fit pictures, spread evenly, and half as many of the test pictures.
    """
    probes = ProbeSet.load(study.probes)
    places = best_places(probes, workshop.places.properties)
    layers = stack_layers(workshop.places)
    views = {place: view_of(place) for _, place in places}
    for _, (_, step, branch) in places:
        views[STACKED, step, branch] = partial(stack, layers=layers, branch=branch)
    rows = {
        "fit": spread(sound_rows(study, "fit"), pictures),
        "test": spread(sound_rows(study, "test"), -(-pictures // 2)),
    }
    progress.start(sum(map(len, rows.values())))
    made = {}
    for split, of in rows.items():
        progress.phase(f"{split} pictures")
        made[split] = remake(study, workshop, of, views, progress)
    prompts = prompt_numbers(rows["test"])
    progress.start(len(places), unit="probes")
    progress.phase("training probes")
    compared = []
    for found, place in places:
        compared.append(_compare(study, made, probes, found, place, prompts, workshop.places))
        progress.advance(1)
    return compared


def stack_layers(places: Places) -> list[Layer]:
    """The last watched layer of every block."""
    return list({layer.name.rpartition(".")[0]: layer for layer in places.watched}.values())


def stack(record: StepRecord, layers: Sequence[Layer], branch: str) -> Tensor:
    """Their activations side by side on the finest of their grids: [picture, token, channels of all]."""
    fine = finest(layer.grid for layer in layers)
    parts = [enlarge(record.activations[x.name][branch].mT, x.grid, fine).flatten(-2).mT for x in layers]
    return torch.cat(parts, dim=-1)


def solve_stacked(
    x: Tensor, labels: Tensor, grid: Grid, found: Property, strengths: Sequence[float]
) -> Probe:
    """A ridge probe of activations [picture, token, channel], its strength chosen on their last fifth."""
    held = max(1, len(x) // 5)
    solution = ridge(moments_of(x[:-held], labels[:-held], grid), strengths)
    every = Probe(solution.weight[..., 0].T.float(), solution.bias[:, 0].float(), tuple(map(str, strengths)))
    read = every.apply(x[-held:].float()).movedim(-1, 0)
    quality = judge(read, labels[-held:], grid, found).nanmean(-1)
    best = int(quality.nan_to_num(-1).argmax())
    return Probe(every.weight[:, [best]], every.bias[[best]], ("stacked",))


def _compare(
    study: Study,
    made: dict[str, Remade],
    probes: ProbeSet,
    found: Property,
    place: Place,
    prompts: np.ndarray,
    places: Places,
) -> Deeper:
    layer, step, branch = place
    grid = places.grid_of(layer)
    fine = finest(layer.grid for layer in stack_layers(places))
    x, y = made["fit"].activations[place], made["fit"].labels[found.name]
    test, label = made["test"].activations[place].float(), made["test"].labels[found.name]
    solved = probes.at(*place)
    kind: Kind = "saliency" if found.binary else "depth" if found.name == "depth" else "shading"
    readings = {
        "solved": solved.apply(test)[..., solved.properties.index(found.name)],
        "gradient": gradient_scores(train_gradient_probe(x, y, kind, grid=grid), test),
        "two_layer": train_two_layer_probe(x, cell_means(y, grid), found.binary)(test),
    }
    scores = {name: judge(read, label, grid, found).numpy() for name, read in readings.items()}
    wide, wide_test = (made[split].activations[STACKED, step, branch] for split in ("fit", "test"))
    solver = solve_stacked(wide, y, fine, found, study.config.probes.strengths)
    stacked = solver.apply(wide_test.float())[..., 0]
    scores["stacked"] = judge(stacked, label, fine, found).numpy()
    metric = judging_metric(found)
    for name, of in (("ceiling", grid), ("stacked_ceiling", fine)):
        patches = Patches.of(label, of, None if found.binary else pixel_ranks(label))
        scores[name] = ceiling(patches, (metric,))[metric].numpy()
    gain = scores["two_layer"] - scores["solved"]
    mean, low, high = mean_interval(gain, prompts)
    return Deeper(
        property=found.name,
        layer=layer,
        step=step,
        metric=metric,
        fit=len(x),
        test=len(test),
        **{name: float(np.nanmean(of)) for name, of in scores.items()},
        gain=mean,
        low=low,
        high=high,
    )
