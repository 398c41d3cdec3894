"""The latents' decoder, given what the network is about to get: does its attention know as much?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch.nn import Module

from underpainting.controls.registry import (
    DOTTED,
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
from underpainting.vocabulary import ProbeLayer


@dataclass(frozen=True)
class DecoderAttention:
    """The self-attention in the middle of the decoder, on the latents' own grid, in place of every layer."""

    source: str
    model: Model
    layers: tuple[ProbeLayer, ...]
    branches: tuple[str, ...]
    networks: Mapping[str, Module] = field(default_factory=dict)

    def batch(self, run: Run) -> Callable[[StepRecord], Activations]:
        """See `StandIn`; the decoder has no branches: each is given the same."""

        def activations(record: StepRecord) -> Activations:
            tokens = self.model.decoder_tokens(record.latents)
            return {self.layers[0].name: dict.fromkeys(self.branches, tokens)}

        return activations


class DecoderControl(Control):
    """A probe of the decoder's attention, as published (Chen, Viégas and Wattenberg 2023)."""

    key = "decoder"
    cost = "the first third of the decoder at every step"
    default = True
    sources = (
        Source(
            "decoder",
            "decoder's attention",
            "the decoder's attention",
            Line("ink", DOTTED, 1.4),
            panel="networks",
            explains="latents",
        ),
    )

    def stand_ins(self, setting: Setting) -> Sequence[StandIn]:
        """One layer for all; none where the decoder does not attend."""
        channels = setting.model.decoder_channels
        if not channels:
            return ()
        _, height, width = setting.model.adapter.latents(setting.model.pipe, setting.model.size)
        layer = ProbeLayer("decoder", (height, width), channels)
        layers = (layer,) * len(setting.watched)
        return (DecoderAttention("decoder", setting.model, layers, setting.branches),)


register(DecoderControl())
