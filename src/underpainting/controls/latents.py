"""Windows of latents in the place of a layer: what a linear probe reads without the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, pad, unfold

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
WINDOW = 5
WAVES = 4
PLACES = WAVES**2 - 1


def latents_of(record: StepRecord, kind: str) -> Tensor:
    """`noisy`, latents before the step at unit scale, or `clean`, the clean latents it predicts; float32."""
    return record.latents.float() / record.scale if kind == "noisy" else record.predicted_clean.float()


def windows(latents: Tensor, grid: Grid, side: int = WINDOW, border: str = "replicate") -> Tensor:
    """What is read of latents [picture, channel, h, w] at each token of a grid: [picture, token, number].

    The latents' means over the token's cell and over those around it, 5 x 5 in all unless another odd `side`
    is given (at the border the nearest cell again, or as `border` says, a mode of torch's `pad`), and where
    the token is: cosines of up to three half waves down and across the picture, which tell a linear probe
    what position alone tells it.
    """
    cells = pad(adaptive_avg_pool2d(latents, grid), (side // 2,) * 4, mode=border)
    around = unfold(cells, side).transpose(1, 2)
    return torch.cat([around, cosines(grid).to(around).expand(len(around), -1, -1)], dim=2)


def cosines(grid: Grid) -> Tensor:
    """Products of cosines of 0 to 3 half waves down and across a grid, the constant left out: [token, 15]."""
    down, across = (
        torch.cos(torch.pi * torch.arange(WAVES) * (torch.arange(count)[:, None] + 0.5) / count)
        for count in grid
    )
    waves = down[:, None, :, None] * across[None, :, None, :]
    return waves.reshape(grid[0] * grid[1], WAVES**2)[:, 1:]


def read(record: StepRecord, kind: str, names: Mapping[Grid, str]) -> dict[str, Tensor]:
    """One kind of latents by window, on each grid."""
    latents = latents_of(record, kind)
    return {name: windows(latents, grid) for grid, name in names.items()}


class LatentsControl(Control):
    """Linear probes of windows of the noisy and of the predicted clean latents, and of where they are."""

    key = "latents"
    cost = "a few hundredths of the time: windows of latents have few channels"
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
        latents = setting.model.adapter.latents(setting.model.pipe, setting.model.size)[0]
        channels = latents * WINDOW**2 + PLACES
        stand_ins = []
        for kind, source in zip(KINDS, self.sources, strict=True):
            layers = tuple(
                ProbeLayer(f"latents.{kind}.{grid_name(of.grid)}", of.grid, channels)
                for of in setting.watched
            )
            look = partial(read, kind=kind, names={layer.grid: layer.name for layer in layers})
            stand_ins.append(BranchlessStandIn(source.key, layers, setting.branches, look))
        return stand_ins


register(LatentsControl())
