"""The latents on a layer's grid, as if they were a layer: what a linear probe reads without the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor
from torch.nn import Module
from torch.nn.functional import adaptive_avg_pool2d

from underpainting.controls.registry import (
    LONG,
    LONG_DOT,
    Activations,
    Control,
    Line,
    Run,
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


@dataclass(frozen=True)
class PooledLatents:
    """One kind of latents, averaged over each token's cell on every grid of the watched layers."""

    kind: str
    source: str
    layers: tuple[ProbeLayer, ...]
    branches: tuple[str, ...]
    networks: Mapping[str, Module] = field(default_factory=dict)

    def batch(self, run: Run) -> Callable[[StepRecord], Activations]:
        """See `StandIn`; latents have no branches: each is given the same."""
        by_grid: dict[Grid, str] = {layer.grid: layer.name for layer in self.layers}

        def activations(record: StepRecord) -> Activations:
            latents = latents_of(record, self.kind).float()
            return {
                name: dict.fromkeys(
                    self.branches, adaptive_avg_pool2d(latents, grid).flatten(2).transpose(1, 2)
                )
                for grid, name in by_grid.items()
            }

        return activations


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
            grids = {
                grid: ProbeLayer(f"latents.{kind}.{grid_name(grid)}", grid, channels)
                for grid in setting.grids
            }
            layers = tuple(grids[layer.grid] for layer in setting.watched)
            stand_ins.append(PooledLatents(kind, source.key, layers, setting.branches))
        return stand_ins


register(LatentsControl())
