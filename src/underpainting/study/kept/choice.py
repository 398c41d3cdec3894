"""What was chosen on the calibrate pictures, as test pictures are read and scored with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from underpainting.controls import Control
from underpainting.probes import Probe, ProbeSet
from underpainting.readers import read_json
from underpainting.study.kept.classes import ClassProbes, load_class_probes
from underpainting.study.kept.totals import Totals
from underpainting.study.places import TARGETS, Places
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import Grid, Place


@dataclass(frozen=True)
class Chosen:
    """What was chosen on the calibrate pictures.

    sets: by target, the labels' in all layers. cuts: thresholds [layer] of position alone, by binary
    property. controls: with what they have learnt.
    """

    places: Places
    totals: Totals
    sets: Mapping[str, ProbeSet]
    cuts: Mapping[str, Tensor]
    controls: tuple[Control, ...]
    class_probes: ClassProbes | None

    @cached_property
    def probes(self) -> dict[Place, Probe]:
        """By place, outputs [target, property]; what stands in for layers has the labels' alone."""
        names = [of.name for of in self.places.properties]
        watched = {layer.name for layer in self.places.watched}
        probes = {}
        for _, _, _, place in self.places:
            targets = TARGETS if place.layer in watched else TARGETS[:1]
            rows = [self.sets[target].at(place, names) for target in targets]
            weight = torch.stack([probe.weight for probe in rows], dim=1)
            probes[place] = Probe(weight, torch.stack([probe.bias for probe in rows]))
        return probes

    @cached_property
    def thresholds(self) -> dict[tuple[str, str], Tensor]:
        """By target and binary property, [layer, step, branch]."""
        thresholds = {}
        for target, probes in self.sets.items():
            shape = (len(probes.layers), *self.places.shape[1:])
            for of in self.places.properties:
                if of.binary:
                    values = torch.full(shape, torch.nan, dtype=torch.float64)
                    for i, step, b, place in self.places:
                        if i < len(values):
                            cut = probes.entry(of.name, place).threshold
                            values[i, step, b] = torch.nan if cut is None else cut
                    thresholds[target, of.name] = values
        return thresholds

    @cached_property
    def mean_readings(self) -> dict[str, Tensor]:
        """By layer, the mean reading of each token over the fit pictures, as one of `Readings.maps`."""
        means: dict[str, list[Tensor]] = {}
        for _, _, _, place in self.places:
            tokens = self.totals.tokens[place].mean
            means.setdefault(place.layer, []).append(self.probes[place].apply(tokens).movedim(0, -1))
        shape = self.places.shape[1:]
        return {layer: torch.stack(read).reshape(*shape, *read[0].shape) for layer, read in means.items()}

    @cached_property
    def positions(self) -> dict[Grid, Tensor]:
        """By grid, what position alone predicts: [property, token]."""
        return self.totals.positions


def read_chosen(study: StudyFolder, places: Places, totals: Totals, controls: tuple[Control, ...]) -> Chosen:
    """Read the choice from the study's probes and controls. Raises UnderpaintingError where it is damaged."""
    controls_folder = study.require(study.controls_folder)
    stand_ins, shuffled = (ProbeSet.load(controls_folder / name) for name in ("stand-ins", "shuffled"))
    card = read_json(controls_folder / "position.json")
    cuts = {
        name: torch.tensor([by_layer[layer.name] for layer in places.watched], dtype=torch.float64)
        for name, by_layer in card["thresholds"].items()
    }
    return Chosen(
        places,
        totals,
        {"probe": study.probes | stand_ins, "shuffled": shuffled},
        cuts,
        tuple(control.opened(controls_folder) for control in controls),
        load_class_probes(controls_folder),
    )
