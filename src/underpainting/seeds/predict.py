"""What pictures come to, predicted after a few steps: by probes, or by the estimator on clean predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from underpainting.diffusion import Paused, StepRecord, Watching
from underpainting.diffusion.stored import device_of
from underpainting.errors import UnsoundPictures
from underpainting.probes import ProbeSet
from underpainting.seeds.layout import Maps
from underpainting.study.batch import decode_kept
from underpainting.study.environment import Loaded
from underpainting.study.labels import label_pictures
from underpainting.study.recorders import DECODED_AT_ONCE
from underpainting.vocabulary import Place, main_branch

BEST = "best layers"


@dataclass(frozen=True)
class Seen:
    """What is kept of pictures at a step.

    maps: what probes read there, [picture, row, column] by property and layer. clean: the predicted clean
    latents [picture, channel, h, w]; at step 0, where nothing is predicted yet, the noise.
    """

    step: int
    maps: Mapping[tuple[str, str], Tensor]
    clean: Tensor


class Predictor(Protocol):
    """From what is kept of pictures to their maps; in several ways, of which calibrate pictures choose."""

    def ways(self, seen: Seen) -> dict[str, Maps]:
        """Maps by the name of the way, the one to be taken without a choice first."""


@dataclass(frozen=True)
class ByProbes:
    """As probes read: each property at the layer that is best at the step, or all of them at one layer."""

    probes: ProbeSet

    def ways(self, seen: Seen) -> dict[str, Maps]:
        """Maps by `BEST`, and by layer."""
        chosen = {name: self.probes.best_layer(name, seen.step) for name in self.probes.properties}
        ways: dict[str, Maps] = {BEST: {name: seen.maps[name, layer] for name, layer in chosen.items()}}
        for layer in watched(self.probes):
            ways[layer] = {name: seen.maps[name, layer] for name in self.probes.properties}
        return ways


@dataclass(frozen=True)
class ByEstimator:
    """As the study's estimator sees the decoded clean prediction; where it fails there is nothing, 0."""

    loaded: Loaded

    def ways(self, seen: Seen) -> dict[str, Maps]:
        """One way alone."""
        parts = [self._maps(of) for of in torch.split(decoded(self.loaded, seen.clean), DECODED_AT_ONCE)]
        return {"estimator": {name: torch.cat([of[name] for of in parts]) for name in parts[0]}}

    def _maps(self, pictures: Tensor) -> dict[str, Tensor]:
        properties = self.loaded.places.properties
        try:
            return label_pictures(self.loaded.estimator, pictures, properties)
        except UnsoundPictures as error:
            good = [i for i in range(len(pictures)) if i not in error.reasons]
            maps = {of.name: torch.zeros(len(pictures), *pictures.shape[-2:]) for of in properties}
            if good:
                for name, own in label_pictures(self.loaded.estimator, pictures[good], properties).items():
                    maps[name][good] = own
            return maps


def watched(probes: ProbeSet) -> tuple[str, ...]:
    """The layers that are best for a property at a step, or at the last one, in network order."""
    best = {layer for of in probes.best.values() for layer in (of.layer, *of.by_step.values())}
    return tuple(layer.name for layer in probes.layers if layer.name in best)


def seeing(
    probes: ProbeSet, steps: Sequence[int], keep: Callable[[Seen], None]
) -> Callable[[StepRecord], None]:
    """What looks on at a denoising that watches the layers of `watched`, and keeps what is seen at steps."""
    branch, layers = main_branch(probes.branches), watched(probes)

    def look(record: StepRecord) -> None:
        if record.step in steps:
            maps = {}
            for layer in layers:
                read = probes.at(Place(layer, record.step, branch), probes.properties)
                tokens = read.apply(record.activations[layer][branch]).reshape(
                    -1, *probes.grid(layer), len(probes.properties)
                )
                for i, name in enumerate(probes.properties):
                    maps[name, layer] = tokens[..., i].cpu()
            keep(Seen(record.step, maps, record.predicted_clean.cpu()))

    return look


def watching(
    probes: ProbeSet, steps: Sequence[int], keep: Callable[[Seen], None], resume: Paused | None = None
) -> Watching:
    """A denoising that keeps what is seen at steps, and ends after the last of them.

    resume: where it goes on from.
    """
    return Watching(
        layers=watched(probes),
        branches=(main_branch(probes.branches),),
        on_step=seeing(probes, steps, keep),
        stop_after=max(steps),
        resume=resume,
    )


def decoded(loaded: Loaded, clean: Tensor) -> Tensor:
    """Pictures [picture, 3, height, width] in 0..1, of 8 bits, of predicted clean latents."""
    model = loaded.model
    device = device_of(model.pipe, model.adapter.denoiser(model.pipe))
    parts = [decode_kept(model, of.to(device)) for of in torch.split(clean, DECODED_AT_ONCE)]
    return torch.cat(parts)
