"""The calibrate phase's end: ridge strength, threshold and best layer from the calibrate pictures' scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from underpainting.probes import Best, Entry, Key, ProbeLayer, ProbeSet
from underpainting.study.places import SOURCES, Place, Places
from underpainting.study.reading import Reader
from underpainting.study.scoring import THRESHOLDS, Scores, chosen_metric


@dataclass(frozen=True)
class Choice:
    """One property's choices, each [layer, step, branch, source]; thresholds of a binary property only.

    strength: index of the ridge strength. cut: index of the threshold. quality: mean score over calibrate
    pictures.
    """

    strength: Tensor
    cut: Tensor | None
    quality: Tensor


def mean_scores(shards: Iterable[Scores]) -> Scores:
    """Mean of each score over the pictures that have it, over shards one at a time; nan where none has it."""
    totals: Scores = {}
    counts: Scores = {}
    for scores in shards:
        for name, values in scores.items():
            total, present = values.nansum(0, dtype=torch.float64), (~values.isnan()).sum(0)
            totals[name] = totals[name] + total if name in totals else total
            counts[name] = counts[name] + present if name in counts else present
    return {name: total / counts[name] for name, total in totals.items()}


def choose(means: Scores, places: Places) -> dict[str, Choice]:
    """Choose for every property and place from mean scores [layer, step, branch, strength, source].

    Strength by average precision (binary) or rank correlation, threshold by Dice; the first of equals.
    """
    choices = {}
    for found in places.properties:
        judge = means[f"{found.name}/{'average_precision' if found.binary else 'spearman'}"]
        strength = _best(judge, dim=3)
        if found.binary:
            curve = take_strength(means[f"{found.name}/curve"][None], strength)
            cut = _best(curve[0], dim=-1)
            choices[found.name] = Choice(strength, cut, take_cut(curve, cut)[0])
        else:
            choices[found.name] = Choice(strength, None, take_strength(judge[None], strength)[0])
    return choices


def chosen_scores(scores: Scores, choices: Mapping[str, Choice], places: Places) -> Scores:
    """Calibrate scores [picture, layer, step, branch, source] at the chosen strengths and thresholds."""
    chosen: Scores = {}
    for name, values in scores.items():
        found, metric = name.split("/")
        choice = choices[found]
        taken = take_strength(values, choice.strength)
        if choice.cut is not None and metric == "curve":
            chosen[f"{found}/dice"] = take_cut(taken, choice.cut)
        else:
            chosen[name] = taken
    return chosen


def take_strength(values: Tensor, strength: Tensor) -> Tensor:
    """From values [picture, layer, step, branch, strength, source, ...] those of the chosen strength."""
    index = strength.unsqueeze(3)[None]
    index = index.reshape(*index.shape, *(1,) * (values.ndim - index.ndim))
    shape = list(values.shape)
    shape[4] = 1
    return values.gather(4, index.expand(shape)).squeeze(4)


def take_cut(curve: Tensor, cut: Tensor) -> Tensor:
    """From Dice curves [picture, ..., threshold] the value at the chosen threshold [...]."""
    index = cut.expand(curve.shape[:-1]).unsqueeze(-1)
    return curve.gather(-1, index).squeeze(-1)


def choose_position(means: Scores, places: Places) -> dict[str, Tensor]:
    """Index of the best Dice threshold of position alone, [layer], for binary properties."""
    return {
        found.name: _best(means[f"{found.name}/curve"], dim=-1) for found in places.properties if found.binary
    }


def position_chosen(scores: Scores, cuts: Mapping[str, Tensor]) -> Scores:
    """Position scores [picture, layer] with each Dice curve read at its threshold."""
    chosen: Scores = {}
    for name, values in scores.items():
        found, metric = name.split("/")
        if metric == "curve":
            chosen[f"{found}/dice"] = take_cut(values, cuts[found])
        else:
            chosen[name] = values
    return chosen


def probe_sets(
    readers: Mapping[Place, Reader],
    choices: Mapping[str, Choice],
    places: Places,
    strengths: Sequence[float],
    model: str,
    images: Mapping[str, int],
) -> dict[str, ProbeSet]:
    """The chosen probes, and those of shuffled labels, by source; both name the true probes' best layers.

    Those of the latents are among them.
    """
    layers = tuple(ProbeLayer(layer.name, layer.grid, layer.channels) for layer in places.layers)
    best = {
        found.name: _best_layers(choices[found.name], places, chosen_metric(found))
        for found in places.properties
    }
    sets = {}
    for s, source in enumerate(SOURCES):
        entries = {}
        for k, found in enumerate(places.properties):
            choice = choices[found.name]
            for i, step, b, place in places:
                at = int(choice.strength[i, step, b, s])
                reader = readers[place]
                entries[Key(found.name, *place)] = Entry(
                    reader.weight[:, at, s, k].clone(),
                    float(reader.bias[at, s, k]),
                    strengths[at],
                    None if choice.cut is None else float(THRESHOLDS[choice.cut[i, step, b, s]]),
                )
        sets[source] = ProbeSet(entries, layers, places.steps, places.branches, best, model, images)
    return sets


def chosen_readers(sets: Mapping[str, ProbeSet], places: Places) -> dict[Place, Reader]:
    """Chosen probes as one reader a place: one strength, both sources, all properties."""
    readers = {}
    for _, _, _, place in places:
        keys = [Key(found.name, *place) for found in places.properties]
        weight = torch.stack(
            [torch.stack([sets[s].entries[key].weight for key in keys], -1) for s in SOURCES], -2
        )
        bias = torch.tensor([[sets[s].entries[key].bias for key in keys] for s in SOURCES])
        readers[place] = Reader(weight[:, None], bias[None])
    return readers


def chosen_thresholds(sets: Mapping[str, ProbeSet], places: Places) -> dict[str, Tensor]:
    """Thresholds of binary properties, [layer, step, branch, source]."""
    shape = (len(places.layers), places.steps, len(places.branches), len(SOURCES))
    thresholds = {}
    for found in places.properties:
        if found.binary:
            of = torch.empty(shape, dtype=torch.float64)
            for i, step, b, place in places:
                of[i, step, b] = torch.tensor(
                    [sets[s].entries[Key(found.name, *place)].threshold for s in SOURCES]
                )
            thresholds[found.name] = of
    return thresholds


def _best_layers(choice: Choice, places: Places, metric: str) -> Best:
    branch = places.branches.index(places.main_branch)
    of_step = _best(choice.quality[: len(places.watched), :, branch, 0], dim=0)
    names = [places.watched[int(i)].name for i in of_step]
    return Best(names[-1], metric, dict(enumerate(names, start=1)))


def _best(values: Tensor, dim: int) -> Tensor:
    return values.nan_to_num(-torch.inf).argmax(dim)
