"""A study's model, probes and moments, ready to make pictures with edited activations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from torch import Tensor

from underpainting.diffusion import Layer, StepRecord
from underpainting.diffusion.layers import ALL
from underpainting.diffusion.watch import Edit
from underpainting.errors import UnderpaintingError
from underpainting.intervention import (
    Change,
    Direction,
    Move,
    Place,
    Plan,
    by_adam,
    carried,
    direction_of,
    editing,
    through_probes,
)
from underpainting.probes import Moments, Probe, ProbeSet, ridge
from underpainting.records import main_branch
from underpainting.study.environment import Workshop
from underpainting.study.fitting import Sums, moments_name, read_sums
from underpainting.study.folder import Study
from underpainting.study.labels import label_pictures, token_labels
from underpainting.study.making import denoise, to_bytes
from underpainting.study.prompts import PromptRow

MASK, SHUFFLED_STRENGTH = "saliency", 1e-2
CARRIED_MAPS_ONLY = (
    "activations can only be carried along where the picture's own maps are moved; for other targets name "
    "the edit covariance, minimum or gradient"
)
Tick = Callable[[float], None]
"""Is told how many pictures, or parts of one, were painted."""


@dataclass(frozen=True)
class Unedited:
    """Pictures as they are without an edit, [picture, 3, height, width] in 0..1 (of 8 bits).

    labels: maps [picture, height, width] by property. trajectory: activations [picture, token, channel].
    """

    rows: tuple[PromptRow, ...]
    pictures: Tensor
    labels: Mapping[str, Tensor]
    trajectory: Mapping[Place, Tensor]


@dataclass(frozen=True)
class Easel:
    """What edits need of a study that is done."""

    study: Study
    workshop: Workshop
    probes: ProbeSet
    sums: Sums
    _known: dict[tuple[Place, tuple[str, ...], bool], Direction] = field(default_factory=dict)

    @property
    def order(self) -> tuple[str, ...]:
        """Branches as they stack in the network's batch."""
        model = self.workshop.model
        guided = model.adapter.guided(model.pipe, self.study.config.model.guidance_scale)
        return model.adapter.branches if guided else ("conditional",)

    @property
    def grids(self) -> dict[str, tuple[int, int]]:
        """Grid of each watched layer."""
        return {layer.name: layer.grid for layer in self.workshop.places.watched}

    def layers(self, plan: Plan) -> tuple[Layer, ...]:
        """The layers of a plan. Raises UnderpaintingError as `check_plan`, and where a branch is missing."""
        check_plan(self.study, self.probes, plan)
        if away := [branch for branch in plan.branches if branch not in self.order]:
            raise UnderpaintingError(
                f"there is no {away[0]} branch without guidance; edit the conditional one"
            )
        watched = self.workshop.places.watched
        by_name = {layer.name: layer for layer in watched}
        return watched if plan.layers == (ALL,) else tuple(by_name[name] for name in plan.layers)

    def directions(
        self, properties: Sequence[str], *, shuffled: bool = False
    ) -> Callable[[Place], Direction]:
        """Directions of some properties' probes, or of probes fitted to shuffled labels, by place.

        A branch that was not watched takes the probes of the one that was.
        """
        names = [found.name for found in self.workshop.places.properties]
        targets = [names.index(name) + shuffled * len(names) for name in properties]

        def direction(place: Place) -> Direction:
            branches = self.probes.branches
            branch = place[2] if place[2] in branches else main_branch(branches)
            at = (*place[:2], branch)
            key = at, tuple(properties), shuffled
            if key not in self._known:
                moments = self.sums[moments_name(at)]
                assert isinstance(moments, Moments)
                if shuffled:
                    fitted = ridge(moments, [SHUFFLED_STRENGTH])
                    weight, bias = fitted.weight[0][:, targets].float(), fitted.bias[0][targets].float()
                else:
                    probe = self.probes.at(*at)
                    chosen = [probe.properties.index(name) for name in properties]
                    weight, bias = probe.weight[:, chosen], probe.bias[chosen]
                self._known[key] = direction_of(Probe(weight, bias, tuple(properties)), moments, targets)
            return self._known[key]

        return direction

    def change(
        self, plan: Plan, unedited: Unedited, target: Mapping[str, Tensor], moves: Sequence[Move] | None
    ) -> Change:
        """A plan's change towards target maps [picture, height, width] by property.

        moves: how each picture's own maps became the target. Raises UnderpaintingError where activations are
        to be carried and there are none.
        """
        if plan.kind == "carry":
            if moves is None:
                raise UnderpaintingError(CARRIED_MAPS_ONLY)
            size = (unedited.pictures.shape[-2], unedited.pictures.shape[-1])
            return carried(unedited.trajectory, moves, size, self.grids, plan.strength)
        directions = self.directions(plan.properties)
        labels = self.tokens({name: target[name] for name in plan.properties})
        if plan.kind == "gradient":
            binary = {found.name: found.binary for found in self.workshop.places.properties}
            return by_adam(directions, labels, [binary[name] for name in plan.properties])
        return through_probes(directions, labels, plan.kind, plan.strength)

    def tokens(self, maps: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Maps [picture, height, width] as labels of each layer's tokens, [picture, token, map]."""
        of_grid = {grid: token_labels(maps, grid) for grid in set(self.grids.values())}
        return {layer: of_grid[grid] for layer, grid in self.grids.items()}

    def edit(self, plan: Plan, change: Change) -> Edit:
        """A change at a plan's layers, steps and branches, as `Model.denoise` takes it."""
        return editing(change, self.layers(plan), range(plan.first, plan.last + 1), plan.branches, self.order)

    def unedited(
        self, rows: Sequence[PromptRow], plan: Plan | None = None, *, tick: Tick | None = None
    ) -> Unedited:
        """Make pictures without an edit, label them, and keep the activations that a plan carries.

        Without a plan all of them are kept, for whichever plans come.
        """
        kept: dict[Place, Tensor] = {}
        places = None if plan is None else self._carried(plan)

        def look(record: StepRecord) -> None:
            for layer, of in record.activations.items():
                for branch, x in of.items():
                    if places is None or (layer, record.step, branch) in places:
                        kept[layer, record.step, branch] = x.clone()

        pictures = self._denoise(rows, look=look, tick=tick)
        return Unedited(tuple(rows), pictures, self.labels(pictures), kept)

    def _carried(self, plan: Plan) -> set[Place]:
        """The places whose activations a plan takes from the unedited picture."""
        steps = range(plan.first, plan.last + 1)
        places = product((layer.name for layer in self.layers(plan)), steps, plan.branches)
        return set(places) if plan.kind == "carry" else set()

    def paint(self, rows: Sequence[PromptRow], edit: Edit, *, tick: Tick | None = None) -> Tensor:
        """Pictures [picture, 3, height, width] in 0..1 (of 8 bits) with edited activations."""
        return self._denoise(rows, edit=edit, tick=tick)

    def labels(self, pictures: Tensor) -> dict[str, Tensor]:
        """Maps [picture, height, width] of the study's properties."""
        return label_pictures(self.workshop.estimator, pictures, self.workshop.places.properties)

    def _denoise(
        self,
        rows: Sequence[PromptRow],
        *,
        edit: Edit | None = None,
        look: Callable[[StepRecord], None] | None = None,
        tick: Tick | None = None,
    ) -> Tensor:
        model, config = self.workshop.model, self.study.config.model

        def on_step(record: StepRecord) -> None:
            if look:
                look(record)
            if tick and record.first:
                tick(len(rows) / config.steps)

        watch = {"watch": self.workshop.places.watched, "branches": self.order}
        denoised = denoise(model, rows, config, **watch, on_step=on_step if look or tick else None, edit=edit)
        return to_bytes(model.decode(denoised.latents)).float().cpu() / 255


def set_up(study: Study, workshop: Workshop) -> Easel:
    """An easel for a study.

    Raises UnderpaintingError where the study's moments or probes are missing or broken.
    """
    return Easel(study, workshop, ProbeSet.load(study.probes), read_sums(study.through(study.folded)))


def check_plan(study: Study, probes: ProbeSet, plan: Plan) -> None:
    """Raise UnderpaintingError where a study has no probes of a plan's properties, layers or steps."""
    if unknown := [name for name in plan.properties if name not in probes.properties]:
        known = ", ".join(probes.properties)
        raise UnderpaintingError(f"{study.folder} has no probes of {unknown[0]!r}; it has {known}")
    names = [layer.name for layer in probes.layers]
    if lacking := [name for name in plan.layers if name not in names and plan.layers != (ALL,)]:
        raise UnderpaintingError(
            f"layer {lacking[0]} has no probe in {study.folder}; it has {', '.join(names)}"
        )
    if plan.last > probes.steps:
        raise UnderpaintingError(f"step {plan.last} is not among the study's {probes.steps}")
