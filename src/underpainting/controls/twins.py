"""Untrained twins of the network: weights permuted or drawn anew, shown what it is shown or left alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch.nn import Module

from underpainting.controls.registry import (
    DASH_DOT,
    DASHED,
    DOTTED,
    SOLID,
    Activations,
    Control,
    Line,
    Run,
    Setting,
    Source,
    StandIn,
    register,
)
from underpainting.diffusion import Model, StepRecord
from underpainting.diffusion.twins import twin_of
from underpainting.vocabulary import ProbeLayer


@dataclass(frozen=True)
class Follower:
    """An untrained network that is shown all that the model's is shown."""

    source: str
    layers: tuple[ProbeLayer, ...]
    networks: Mapping[str, Module]

    def batch(self, run: Run) -> Callable[[StepRecord], Activations]:
        """See `StandIn`; the model records such networks by itself."""
        return lambda record: {}


@dataclass(frozen=True)
class Wanderer:
    """A model with an untrained network, which denoises by itself from the same noise (as published)."""

    source: str
    layers: tuple[ProbeLayer, ...]
    model: Model
    networks: Mapping[str, Module]

    def batch(self, run: Run) -> Callable[[StepRecord], Activations]:
        """See `StandIn`: denoises the batch, and tells each step's activations."""
        steps: list[Activations] = []

        def on_step(record: StepRecord) -> None:
            steps.append(
                {
                    f"{self.source}.{layer}": {branch: x.clone() for branch, x in branches.items()}
                    for layer, branches in record.activations.items()
                }
            )

        run(self.model, on_step)
        return lambda record: steps[record.step - 1]


class TwinControl(Control):
    """Probes of the same layers of an untrained network."""

    networks = 1

    def __init__(
        self, key: str, kind: str, title: str, phrase: str, line: Line, *, own: bool = False
    ) -> None:
        """kind: as `diffusion.twins` names it. own: whether it denoises by itself."""
        self.key, self._kind, self._own = key, kind, own
        self.cost = "the time of the network once more" + (", apart from the study's own" if own else "")
        self.tries = "" if own else "untrained networks"
        self.sources = (Source(key, title, phrase, line, panel="networks", explains="latents"),)

    def stand_ins(self, setting: Setting) -> Sequence[StandIn]:
        """One layer for each, of the same grid and channels."""
        layers = tuple(
            ProbeLayer(f"{self.key}.{layer.name}", layer.grid, layer.channels) for layer in setting.watched
        )
        model = setting.model
        network = twin_of(model.adapter.denoiser(model.pipe), self._kind)
        if self._own:
            return (Wanderer(self.key, layers, model.with_denoiser(network), {}),)
        return (Follower(self.key, layers, {self.key: network}),)


for _control in (
    TwinControl(
        "permuted",
        "permuted",
        "permuted weights on the same latents",
        "permuted weights on the same latents",
        Line(dashes=SOLID),
    ),
    TwinControl(
        "fresh",
        "fresh",
        "untrained network on the same latents",
        "the untrained network on the same latents",
        Line(dashes=DASHED),
    ),
    TwinControl(
        "permuted-own",
        "permuted",
        "permuted weights on their own trajectory",
        "permuted weights on their own trajectory",
        Line(dashes=DASH_DOT),
        own=True,
    ),
    TwinControl(
        "fresh-own",
        "fresh",
        "untrained network on its own trajectory",
        "the untrained network on its own trajectory",
        Line(dashes=DOTTED, width=1.4),
        own=True,
    ),
):
    register(_control)
