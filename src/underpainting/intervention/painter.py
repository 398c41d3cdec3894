"""Painting pictures with edited activations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product

from torch import Tensor

from underpainting.diffusion import ActivationEdit, Begin, Denoised, LatentEdit, Layer, StepRecord, Watching
from underpainting.errors import UnderpaintingError
from underpainting.intervention.changes import Change, by_adam, carried, editing, through_probes
from underpainting.intervention.directions import Direction, direction_of
from underpainting.intervention.edit import Edit, Where
from underpainting.intervention.moves import Move
from underpainting.probes import Eraser, Probe, ProbeSet, erasing, ridge
from underpainting.study.batch import Look, decode_kept, denoise
from underpainting.study.environment import Loaded
from underpainting.study.kept.totals import Totals, read_totals
from underpainting.study.labels import label_pictures, token_labels
from underpainting.study.request.prompts import PromptRow
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import ALL, Place, main_branch

SHUFFLED_STRENGTH = 1e-2
CARRIED_MAPS_ONLY = (
    "activations can only be carried along where the picture's own maps are moved; for other targets name "
    "the edit covariance, minimum or gradient"
)
Tick = Callable[[float], None]
"""Is told how many pictures, or parts of one, were painted."""


@dataclass(frozen=True)
class Unedited:
    """Pictures as they are without an edit, [picture, 3, height, width] in 0..1 (of 8 bits).

    labels: maps [picture, height, width] by property. trajectory: activations
    [picture, token, channel], at each step's first network evaluation. path: latents [picture, channel, h, w]
    that each step begins with, in order, and the finished ones.
    """

    rows: tuple[PromptRow, ...]
    pictures: Tensor
    labels: Mapping[str, Tensor]
    trajectory: Mapping[Place, Tensor]
    path: tuple[Tensor, ...]


@dataclass(frozen=True)
class Painting:
    """Pictures [picture, 3, height, width] in 0..1 (of 8 bits), and network evaluations spent on each.

    Both branches of guidance are one evaluation; those of the unedited picture are not counted.
    """

    pictures: Tensor
    evaluations: int


@dataclass(frozen=True)
class Painter:
    """A finished study's model, probes and totals, ready to paint pictures with edited activations."""

    study: StudyFolder
    loaded: Loaded
    probes: ProbeSet
    totals: Totals
    _known: dict[tuple[Place, tuple[str, ...], bool], Direction] = field(default_factory=dict)

    @property
    def order(self) -> tuple[str, ...]:
        """Branches as they stack in the network's batch."""
        return self.loaded.model.stacking(self.study.config.model.guidance_scale).branches

    @property
    def grids(self) -> dict[str, tuple[int, int]]:
        """Grid of each watched layer."""
        return {layer.name: layer.grid for layer in self.loaded.places.watched}

    def layers(self, edit: Where) -> tuple[Layer, ...]:
        """The layers of an edit. Raises UnderpaintingError as `check_edit`, and where a branch is missing."""
        check_edit(self.study, self.probes, edit)
        if away := [branch for branch in edit.branches if branch not in self.order]:
            raise UnderpaintingError(
                f"there is no {away[0]} branch without guidance; edit the conditional one"
            )
        watched = self.loaded.places.watched
        by_name = {layer.name: layer for layer in watched}
        return watched if edit.layers == (ALL,) else tuple(by_name[name] for name in edit.layers)

    def probed(self, place: Place) -> Place:
        """A place that has probes and moments: of a branch that was not watched, the one that was."""
        branches = self.probes.branches
        return place._replace(branch=place.branch if place.branch in branches else main_branch(branches))

    def directions(
        self, properties: Sequence[str], *, shuffled: bool = False
    ) -> Callable[[Place], Direction]:
        """Directions of some properties' probes, or of probes fitted to shuffled labels, by place."""
        names = [own.name for own in self.loaded.places.properties]
        targets = [names.index(name) + shuffled * len(names) for name in properties]

        def direction(place: Place) -> Direction:
            at = self.probed(place)
            key = at, tuple(properties), shuffled
            if key not in self._known:
                moments = self.totals.moments[at]
                if shuffled:
                    fitted = ridge(moments, [SHUFFLED_STRENGTH]).pick(0)
                    probe = Probe(fitted.weight[:, targets], fitted.bias[targets]).float()
                else:
                    probe = self.probes.at(at, properties)
                self._known[key] = direction_of(probe, moments, targets)
            return self._known[key]

        return direction

    def eraser(self, property: str) -> Callable[[Place], Eraser]:
        """Erasers of a property, by place, solved from the study's moments: of unedited activations."""
        target = [own.name for own in self.loaded.places.properties].index(property)

        @cache
        def solved(place: Place) -> Eraser:
            moments = self.totals.moments[place]
            return erasing(moments, moments.sxy[:, [target]])

        return lambda place: solved(self.probed(place))

    def change(
        self, edit: Edit, unedited: Unedited, target: Mapping[str, Tensor], moves: Sequence[Move] | None
    ) -> Change:
        """An edit's change towards target maps [picture, height, width] by property.

        moves: how each picture's own maps became the target. Raises UnderpaintingError where activations are
        to be carried and there are none.
        """
        if edit.kind == "carry":
            if moves is None:
                raise UnderpaintingError(CARRIED_MAPS_ONLY)
            size = (unedited.pictures.shape[-2], unedited.pictures.shape[-1])
            return carried(unedited.trajectory, moves, size, self.grids, edit.strength)
        directions = self.directions(edit.properties)
        labels = self.tokens({name: target[name] for name in edit.properties})
        if edit.kind == "gradient":
            binary = {own.name: own.binary for own in self.loaded.places.properties}
            return by_adam(directions, labels, [binary[name] for name in edit.properties])
        return through_probes(directions, labels, edit.kind, edit.strength)

    def tokens(self, maps: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Maps [picture, height, width] as labels of each layer's tokens, [picture, token, map]."""
        of_grid = {grid: token_labels(maps, grid) for grid in set(self.grids.values())}
        return {layer: of_grid[grid] for layer, grid in self.grids.items()}

    def acting(self, edit: Where, change: Change) -> ActivationEdit:
        """A change at an edit's layers, steps and branches, as `Model.denoise` takes it."""
        return editing(change, self.layers(edit), range(edit.first, edit.last + 1), edit.branches)

    def unedited(
        self,
        rows: Sequence[PromptRow],
        edit: Edit | None = None,
        *,
        look: Look | None = None,
        tick: Tick | None = None,
    ) -> Unedited:
        """Make pictures without an edit, label them, and keep the activations that an edit carries.

        Without an edit all of them are kept, for whichever edits come. look: sees every step.
        """
        kept: dict[Place, Tensor] = {}
        path: list[Tensor] = []
        places = None if edit is None else self.carries(edit)

        def keep(record: StepRecord) -> None:
            path.append(record.latents)
            for layer, by_branch in record.activations.items():
                for branch, x in by_branch.items():
                    place = Place(layer, record.step, branch)
                    if places is None or place in places:
                        kept[place] = x.clone()
            if look:
                look(record)

        denoised = self.denoise(rows, look=keep, tick=tick)
        pictures = self._decode(denoised)
        return Unedited(tuple(rows), pictures, self.labels(pictures), kept, (*path, denoised.latents))

    def carries(self, edit: Edit) -> set[Place]:
        """The places whose activations an edit takes from the unedited picture."""
        steps = range(edit.first, edit.last + 1)
        places = product((layer.name for layer in self.layers(edit)), steps, edit.branches)
        return {Place(*place) for place in places} if edit.kind == "carry" else set()

    def paint(
        self,
        rows: Sequence[PromptRow],
        edit: ActivationEdit | None = None,
        *,
        begin: Begin | None = None,
        after_step: LatentEdit | None = None,
        look: Look | None = None,
        tick: Tick | None = None,
    ) -> Painting:
        """Pictures with edited activations, with other latents to begin with, or changed after each step.

        look: sees every step, its activations as they are edited.
        """
        denoised = self.denoise(rows, edit=edit, begin=begin, after_step=after_step, look=look, tick=tick)
        return Painting(self._decode(denoised), denoised.evaluations)

    def labels(self, pictures: Tensor) -> dict[str, Tensor]:
        """Maps [picture, height, width] of the study's properties."""
        return label_pictures(self.loaded.estimator, pictures, self.loaded.places.properties)

    def denoise(
        self,
        rows: Sequence[PromptRow],
        *,
        edit: ActivationEdit | None = None,
        begin: Begin | None = None,
        after_step: LatentEdit | None = None,
        look: Look | None = None,
        tick: Tick | None = None,
    ) -> Denoised:
        """Clean latents, made in one batch; options are those of `paint`."""
        model, config = self.loaded.model, self.study.config.model

        def on_step(record: StepRecord) -> None:
            if look:
                look(record)
            if tick:
                tick(len(rows) / config.steps)

        watching = Watching(
            layers=self.loaded.places.watched,
            branches=self.order,
            on_step=on_step if look or tick else None,
            edit=edit,
            begin=begin,
            after_step=after_step,
        )
        return denoise(model, rows, config, watching)

    def _decode(self, denoised: Denoised) -> Tensor:
        return decode_kept(self.loaded.model, denoised.latents)


def set_up(study: StudyFolder, loaded: Loaded) -> Painter:
    """A painter for a study.

    Raises UnderpaintingError where the study's moments or probes are missing or broken.
    """
    return Painter(study, loaded, study.probes, read_totals(study.require(study.totals_file)))


def check_edit(study: StudyFolder, probes: ProbeSet, edit: Where) -> None:
    """Raise UnderpaintingError where a study has no probes of an edit's properties, layers or steps."""
    if unknown := [name for name in edit.properties if name not in probes.properties]:
        known = ", ".join(probes.properties)
        raise UnderpaintingError(f"{study.folder} has no probes of {unknown[0]!r}; it has {known}")
    names = [layer.name for layer in probes.layers]
    if lacking := [name for name in edit.layers if name not in names and edit.layers != (ALL,)]:
        raise UnderpaintingError(
            f"layer {lacking[0]} has no probe in {study.folder}; it has {', '.join(names)}"
        )
    if edit.last > probes.steps:
        raise UnderpaintingError(f"step {edit.last} is not among the study's {probes.steps}")
