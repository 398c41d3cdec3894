"""What is kept of a batch while its pictures are made: activations, readings, means, latents, film."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import torch
from torch import Tensor

from underpainting.controls.always import shuffled
from underpainting.controls.latents import KINDS, latents_of
from underpainting.diffusion import Model, StepRecord
from underpainting.probes import Probe
from underpainting.study.batch import to_bytes
from underpainting.study.kept.totals import Totals
from underpainting.study.labels import token_labels
from underpainting.study.places import Places
from underpainting.study.request.prompts import PromptRow
from underpainting.vocabulary import Grid, Place

LOOKS = ("noisy", "scaled", "clean")
DECODED_AT_ONCE = 8


class Held:
    """A batch's activations, kept until its labels are there."""

    def __init__(self, places: Places) -> None:
        """Hold nothing yet."""
        self._places = places
        self._held: dict[Place, Tensor] = {}

    def look(self, record: StepRecord) -> None:
        """Keep one step's activations (a copy: the record's are views of both branches)."""
        for layer in self._places.layers:
            for branch in self._places.branches:
                x = record.activations[layer.name][branch]
                self._held[Place(layer.name, record.step, branch)] = x.clone()

    def add_to(self, totals: Totals, labels: Mapping[str, Tensor]) -> None:
        """Add what is held, with its labels [picture, height, width] by property, to the sums."""
        targets: dict[Grid, Tensor] = {}
        for grid in self._places.grids:
            own = token_labels(labels, grid)
            targets[grid] = torch.cat([own, shuffled(own)], dim=-1)
            totals.labels[grid].update(own)
        for i, _, _, place in self._places:
            x = self._held.pop(place)
            totals.moments[place].update(x, targets[self._places.layers[i].grid])
            totals.tokens[place].update(x)


class Readings:
    """What probes read of a batch.

    maps: by layer, [picture, step, branch, *outputs, token], outputs as those of the layer's probes.
    """

    def __init__(self, places: Places, probes: Mapping[Place, Probe], pictures: int) -> None:
        """Make room for a batch."""
        self._places, self._probes = places, probes
        self.maps: dict[str, Tensor] = {}
        for layer in places.layers:
            outputs = probes[Place(layer.name, 1, places.branches[0])].bias.shape
            size = (pictures, places.steps, len(places.branches), *outputs, layer.tokens)
            self.maps[layer.name] = torch.empty(size)

    def look(self, record: StepRecord) -> None:
        """Read one step's activations."""
        for layer in self._places.layers:
            for b, branch in enumerate(self._places.branches):
                probe = self._probes[Place(layer.name, record.step, branch)]
                read = probe.apply(record.activations[layer.name][branch]).movedim(1, -1)
                self.maps[layer.name][:, record.step - 1, b] = read.cpu()


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


class Latents:
    """A batch's latents at every step, at unit scale, on the CPU: of each kind that `latents_of` knows."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._kept: list[Tensor] = []

    def look(self, record: StepRecord) -> None:
        """Keep one step."""
        self._kept.append(torch.stack([latents_of(record, kind) for kind in KINDS], dim=1).cpu())

    def of(self, i: int) -> Tensor:
        """One picture's: [kind, step, channel, h, w]."""
        return torch.stack([step[i] for step in self._kept], dim=1).contiguous()


class Words:
    """A batch's attention to the first word that is watched of each prompt, at every step, on the CPU."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._kept: list[Tensor] = []

    def look(self, record: StepRecord) -> None:
        """Keep one step."""
        assert record.words is not None
        self._kept.append(record.words[:, 0])

    def of(self, i: int) -> Tensor:
        """One picture's: [step, h, w]."""
        return torch.stack([step[i] for step in self._kept])


class Film:
    """Latents of a batch's filmed pictures, step by step, in three looks.

    `noisy` are the latents before the step, `scaled` the same brought to unit variance (in sigma space they
    are divided by sqrt(1 + sigma^2)), `clean` the predicted clean latents.
    """

    def __init__(self, rows: Sequence[PromptRow], wanted: Sequence[PromptRow]) -> None:
        """Film what a batch has of the wanted pictures."""
        self._filmed = [i for i, row in enumerate(rows) if row in wanted]
        self._kept: list[tuple[Tensor, ...]] = []

    def look(self, record: StepRecord) -> None:
        """Keep one step."""
        if self._filmed:
            noisy, clean = (x[self._filmed].clone() for x in (record.latents, record.predicted_clean))
            self._kept.append((noisy, noisy / record.scale, clean))

    def develop(self, model: Model, i: int) -> dict[str, Tensor]:
        """The steps of the batch's `i`-th picture by look: uint8 [step, height, width, 3].

        Nothing of a picture that is not filmed.
        """
        if i not in self._filmed:
            return {}
        j = self._filmed.index(i)
        return {
            look: _decode(model, torch.stack([step[k][j] for step in self._kept]))
            for k, look in enumerate(LOOKS)
        }


def _decode(model: Model, latents: Tensor) -> Tensor:
    parts = [
        to_bytes(model.decode(part)).permute(0, 2, 3, 1).cpu()
        for part in torch.split(latents, DECODED_AT_ONCE)
    ]
    return torch.cat(parts).contiguous()
