"""From calibrate scores to ridge strengths, thresholds and best layers: arrays only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d

from underpainting.probes import THRESHOLDS, Best, Entry, Key, Probe, ProbeSet
from underpainting.study.kept.scores import Scores
from underpainting.study.places import TARGETS, Places
from underpainting.vocabulary import Place, Property

REACH = 2  # steps to either side
OFTEN, GAIN = 0.25, 0.002


@dataclass(frozen=True)
class Choice:
    """What is chosen of one property and target, each [layer, step, branch].

    strength: index of the ridge strength. cut: index of the threshold, of a binary property only. quality:
    mean score over the calibrate pictures.
    """

    strength: Tensor
    cut: Tensor | None
    quality: Tensor


def choose(means: Scores, properties: Sequence[Property]) -> dict[str, Choice]:
    """Choose for every property and place, from mean scores [layer, step, branch, strength].

    Strength by average precision (binary) or rank correlation, threshold by Dice over neighbouring steps; the
    first of equals.
    """
    choices = {}
    for of in properties:
        judge = means[of.name, of.free_metric]
        strength = _best(judge, dim=3)
        if of.binary:
            curve = take_strength(means[of.name, "curve"][None], strength)
            cut = _best(over_steps(curve[0]), dim=-1)
            choices[of.name] = Choice(strength, cut, take_cut(curve, cut)[0])
        else:
            choices[of.name] = Choice(strength, None, take_strength(judge[None], strength)[0])
    return choices


def over_steps(curve: Tensor) -> Tensor:
    """Dice curves [layer, step, branch, threshold], each the mean of its step's and of two to either side.

    Thresholds that are chosen by one step alone jump from step to step with the luck of few pictures, and the
    Dice of test pictures with them.
    """
    moved = curve.movedim(1, -1)
    means = avg_pool1d(moved.flatten(0, -2), 2 * REACH + 1, 1, REACH, count_include_pad=False)
    return means.reshape(moved.shape).movedim(-1, 1)


def strengths_at_an_end(
    means: Scores, choices: Mapping[str, Choice], properties: Sequence[Property], strengths: Sequence[float]
) -> list[str]:
    """A line for each property whose best ridge strength is often the least or the greatest of those tried.

    Often is in a quarter of the places, where it gains `GAIN` over its neighbour on average. Of one or two
    strengths nothing is said: either is an end.
    """
    lines = []
    ends = (
        {"smaller": (0, 1), "greater": (len(strengths) - 1, len(strengths) - 2)} if len(strengths) > 2 else {}
    )
    for of, (word, (end, inner)) in product(properties, ends.items()):
        judge = means[of.name, of.free_metric]
        there = choices[of.name].strength == end
        share = float(there.double().mean())
        if share >= OFTEN and float((judge[..., end] - judge[..., inner])[there].nanmean()) >= GAIN:
            lines.append(
                f"{of.name}: ridge strength {strengths[end]:g} is the best of those tried in {share:.0%} of "
                f"the places; try {word} ones, by --set probes.strengths"
            )
    return lines


def chosen_scores(scores: Scores, choices: Mapping[str, Choice]) -> Scores:
    """Calibrate scores [picture, layer, step, branch] at the chosen strengths and thresholds."""
    chosen: Scores = {}
    for (name, metric), values in scores.items():
        choice = choices[name]
        taken = take_strength(values, choice.strength)
        if choice.cut is not None and metric == "curve":
            chosen[name, "dice"] = take_cut(taken, choice.cut)
        else:
            chosen[name, metric] = taken
    return chosen


def take_strength(values: Tensor, strength: Tensor) -> Tensor:
    """From values [picture, layer, step, branch, strength, ...] those of the chosen strength."""
    index = strength.unsqueeze(3)[None]
    index = index.reshape(*index.shape, *(1,) * (values.ndim - index.ndim))
    shape = list(values.shape)
    shape[4] = 1
    return values.gather(4, index.expand(shape)).squeeze(4)


def take_cut(curve: Tensor, cut: Tensor) -> Tensor:
    """From Dice curves [picture, ..., threshold] the value at the chosen threshold [...]."""
    index = cut.expand(curve.shape[:-1]).unsqueeze(-1)
    return curve.gather(-1, index).squeeze(-1)


def choose_cuts(means: Scores, properties: Sequence[Property]) -> dict[str, Tensor]:
    """Index of the best Dice threshold of position alone, [layer], for binary properties."""
    return {of.name: _best(means[of.name, "curve"], dim=-1) for of in properties if of.binary}


def scores_at_cuts(scores: Scores, cuts: Mapping[str, Tensor]) -> Scores:
    """Position scores [picture, layer] with each Dice curve read at its threshold."""
    return {
        (name, "dice" if metric == "curve" else metric): take_cut(values, cuts[name])
        if metric == "curve"
        else values
        for (name, metric), values in scores.items()
    }


def probe_sets(
    probes: Mapping[Place, Probe],
    choices: Mapping[str, Mapping[str, Choice]],
    places: Places,
    strengths: Sequence[float],
    model: str,
    images: Mapping[str, int],
) -> dict[str, ProbeSet]:
    """The chosen probes by target: of labels in all layers, of shuffled ones in the watched ones.

    probes: of every strength, outputs [strength, target, property]. choices: by target and property. Both
    sets name the best layers of the true probes.
    """
    best = {of.name: _best_layers(choices["probe"][of.name], places, of) for of in places.properties}
    sets = {}
    for t, target in enumerate(TARGETS):
        layers = places.watched if target == "shuffled" else places.layers
        entries = {}
        for k, of in enumerate(places.properties):
            choice = choices[target][of.name]
            for i, step, b, place in places:
                if i < len(layers):
                    at = int(choice.strength[i, step, b])
                    cut = None if choice.cut is None else float(THRESHOLDS[choice.cut[i, step, b]])
                    probe = probes[place].pick(at, t, k)
                    entries[Key(of.name, *place)] = Entry(probe.float(), strengths[at], cut)
        sets[target] = ProbeSet(entries, tuple(layers), places.steps, places.branches, best, model, images)
    return sets


def _best_layers(choice: Choice, places: Places, of: Property) -> Best:
    branch = places.branches.index(places.main_branch)
    by_step = _best(choice.quality[: len(places.watched), :, branch], dim=0)
    names = [places.watched[int(i)].name for i in by_step]
    return Best(names[-1], of.main_metric, dict(enumerate(names, start=1)))


def _best(values: Tensor, dim: int) -> Tensor:
    return values.nan_to_num(-torch.inf).argmax(dim)
