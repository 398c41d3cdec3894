"""The latents' decoder, given what the network is about to get: does its attention know as much?"""

from __future__ import annotations

from collections.abc import Sequence

from underpainting.controls.registry import (
    DOTTED,
    BranchlessStandIn,
    Control,
    Line,
    Setting,
    Source,
    StandIn,
    register,
)
from underpainting.vocabulary import ProbeLayer


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
        model = setting.model
        channels = model.decoder_channels
        if not channels:
            return ()
        _, height, width = model.adapter.latents(model.pipe, model.size)
        return (
            BranchlessStandIn(
                "decoder",
                (ProbeLayer("decoder", (height, width), channels),) * len(setting.watched),
                setting.branches,
                lambda record: {"decoder": model.decoder_tokens(record.latents)},
            ),
        )


register(DecoderControl())
