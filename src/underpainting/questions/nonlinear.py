"""Non-linear, gradient-trained and stacked probes beside a study's own, on activations captured for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from underpainting.diffusion import Layer, StepRecord
from underpainting.findings.intervals import mean
from underpainting.probes import (
    Probe,
    ProbeSet,
    Scorer,
    cell_means,
    enlarge,
    ridge,
    train_gradient_probe,
    train_two_layer_probe,
)
from underpainting.probes.baselines import Kind
from underpainting.progress import Progress
from underpainting.questions.remake import (
    Remade,
    best_places,
    free_scores,
    moments_of,
    remake,
    view_of,
)
from underpainting.study.environment import reload
from underpainting.study.kept.gallery import spread
from underpainting.study.places import Places
from underpainting.study.request.prompts import prompt_numbers
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import Grid, Place, Property, finest

STACKED = "stacked"


@dataclass(frozen=True)
class NonlinearScores:
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


def nonlinear(
    study: StudyFolder, pictures: int = 60, progress: Progress | None = None
) -> list[NonlinearScores]:
    """Train probes on the activations of the best layers at steps 1, 3, 8 and 15 (as far as there are).

    pictures: of the fit pictures, spread evenly, and half as many of the test pictures. Raises
    UnderpaintingError where the study has no probes, or what it was run with is not there.
    """
    loaded, progress = reload(study), progress or Progress()
    probes = study.probes
    places = best_places(probes, loaded.places.properties)
    layers = stack_layers(loaded.places)
    views = {place: view_of(place) for _, place in places}
    for _, (_, step, branch) in places:
        views[Place(STACKED, step, branch)] = partial(stack, layers=layers, branch=branch)
    rows = {
        "fit": spread(study.sound_rows("fit"), pictures),
        "test": spread(study.sound_rows("test"), -(-pictures // 2)),
    }
    progress.start(sum(map(len, rows.values())))
    made = {}
    for split, pictures_of_split in rows.items():
        progress.phase(f"{split} pictures")
        made[split] = remake(study, loaded, pictures_of_split, views, progress)
    prompts = prompt_numbers(rows["test"])
    progress.start(len(places), unit="probes")
    progress.phase("training probes")
    compared = []
    for of, place in places:
        compared.append(_compare(study, made, probes, of, place, prompts, layers))
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


def solve_stacked(x: Tensor, labels: Tensor, grid: Grid, of: Property, strengths: Sequence[float]) -> Probe:
    """A ridge probe of activations [picture, token, channel], its strength chosen on their last fifth."""
    held = max(1, len(x) // 5)
    solved = ridge(moments_of(x[:-held], labels[:-held], grid), strengths)
    every = Probe(solved.weight[..., 0], solved.bias[..., 0]).float()  # outputs [strength]
    read = every.apply(x[-held:].float()).movedim(-1, 1)  # [picture, strength, token]
    quality = free_scores(read, labels[-held:], grid, of).nanmean(0)
    return every.pick(int(quality.nan_to_num(-1).argmax()))


def _compare(
    study: StudyFolder,
    made: dict[str, Remade],
    probes: ProbeSet,
    of: Property,
    place: Place,
    prompts: np.ndarray,
    layers: Sequence[Layer],
) -> NonlinearScores:
    grid, fine = probes.grid(place.layer), finest(layer.grid for layer in layers)
    x, y = made["fit"].activations[place], made["fit"].labels[of.name]
    test, label = made["test"].activations[place].float(), made["test"].labels[of.name]
    kind: Kind = "saliency" if of.binary else "depth" if of.name == "depth" else "shading"
    readings = {
        "solved": probes.probe(of.name, *place).apply(test),
        "gradient": train_gradient_probe(x, y, kind, grid=grid).apply(test),
        "two_layer": train_two_layer_probe(x, cell_means(y, grid), of.binary)(test),
    }
    scores = {name: free_scores(read, label, grid, of).numpy() for name, read in readings.items()}
    side_by_side = place._replace(layer=STACKED)
    wide, wide_test = (made[split].activations[side_by_side] for split in ("fit", "test"))
    solver = solve_stacked(wide, y, fine, of, study.config.probes.strengths)
    scores["stacked"] = free_scores(solver.apply(wide_test.float()), label, fine, of).numpy()
    scorer = Scorer({of.name: label}, [of])
    for name, own in (("ceiling", grid), ("stacked_ceiling", fine)):
        scores[name] = scorer.ceilings(of.name, own)[of.free_metric].numpy()
    gain, low, high = mean(scores["two_layer"] - scores["solved"], prompts).within
    return NonlinearScores(
        property=of.name,
        layer=place.layer,
        step=place.step,
        metric=of.free_metric,
        fit=len(x),
        test=len(test),
        **{name: float(np.nanmean(values)) for name, values in scores.items()},
        gain=gain,
        low=low,
        high=high,
    )
