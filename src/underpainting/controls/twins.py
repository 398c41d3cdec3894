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

    def __init__(self, key: str, kind: str, own: bool, title: str, phrase: str, line: Line) -> None:
        """kind: as `diffusion.twins` names it. own: whether it denoises by itself."""
        self.key, self._kind, self._own = key, kind, own
        self.cost = "the time of the network once more" + (", apart from the study's own" if own else "")
        self.sources = (Source(key, title, phrase, line, panel="networks"),)

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


_PERMUTED = ("weights permuted", "the network with permuted weights")
_FRESH = ("untrained network", "an untrained network")
_ALONE = (", own trajectory", " on its own trajectory")
register(TwinControl("permuted", "permuted", False, *_PERMUTED, Line(dashes=SOLID)))
register(TwinControl("fresh", "fresh", False, *_FRESH, Line(dashes=DASHED)))
register(
    TwinControl(
        "permuted-own",
        "permuted",
        True,
        _PERMUTED[0] + _ALONE[0],
        _PERMUTED[1] + _ALONE[1],
        Line(dashes=DASH_DOT),
    )
)
register(
    TwinControl(
        "fresh-own",
        "fresh",
        True,
        _FRESH[0] + _ALONE[0],
        _FRESH[1] + _ALONE[1],
        Line(dashes=DOTTED, width=1.4),
    )
)
