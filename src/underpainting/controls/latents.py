"""The latents on a layer's grid, as if they were a layer: what a linear probe reads without the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from underpainting.controls.registry import (
    LONG,
    LONG_DOT,
    BranchlessStandIn,
    Control,
    Line,
    Setting,
    Source,
    StandIn,
    register,
)
from underpainting.diffusion import StepRecord
from underpainting.vocabulary import Grid, ProbeLayer, grid_name

KINDS = ("noisy", "clean")


def latents_of(record: StepRecord, kind: str) -> Tensor:
    """`noisy`, the latents before the step, or `clean`, the clean latents that the step predicts."""
    return record.latents if kind == "noisy" else record.predicted_clean


def pooled(record: StepRecord, kind: str, names: Mapping[Grid, str]) -> dict[str, Tensor]:
    """One kind of latents averaged over each token's cell, on each grid: [picture, token, channel]."""
    latents = latents_of(record, kind).float()
    return {
        name: adaptive_avg_pool2d(latents, grid).flatten(2).transpose(1, 2) for grid, name in names.items()
    }


class LatentsControl(Control):
    """Linear probes of the noisy and of the predicted clean latents."""

    key = "latents"
    cost = "under a hundredth of the time: latents have few channels"
    default = True
    sources = (
        Source(
            "latents:noisy",
            "linear probe of the noisy latents",
            "the linear probe of the noisy latents",
            Line(dashes=LONG_DOT, width=1.2),
            explains="latents",
        ),
        Source(
            "latents:clean",
            "linear probe of the predicted clean latents",
            "the linear probe of the predicted clean latents",
            Line("ink", LONG, 1.2),
            explains="latents",
        ),
    )

    def stand_ins(self, setting: Setting) -> Sequence[StandIn]:
        """One layer a kind and grid."""
        channels = setting.model.adapter.latents(setting.model.pipe, setting.model.size)[0]
        stand_ins = []
        for kind, source in zip(KINDS, self.sources, strict=True):
            layers = tuple(
                ProbeLayer(f"latents.{kind}.{grid_name(of.grid)}", of.grid, channels)
                for of in setting.watched
            )
            read = partial(pooled, kind=kind, names={layer.grid: layer.name for layer in layers})
            stand_ins.append(BranchlessStandIn(source.key, layers, setting.branches, read))
        return stand_ins


register(LatentsControl())
