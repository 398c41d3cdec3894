"""The small network that reads latents, in a study: its data, its training, its looking on."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from safetensors.torch import load_file
from torch import Tensor

from underpainting.controls import KINDS, LatentReader, train_reader
from underpainting.diffusion import StepRecord
from underpainting.probes import cell_means
from underpainting.study.folder import Study
from underpainting.study.places import Places

LATENTS = "latents.safetensors"


def network_file(kind: str) -> str:
    """Name of a kind of latents' reader among the controls."""
    return f"network-{kind}.safetensors"


def unit_latents(record: StepRecord, kind: str) -> Tensor:
    """A kind of a step's latents at unit scale, [picture, channel, h, w] on the CPU."""
    latents = record.latents.float() / record.scale if kind == "noisy" else record.predicted_clean
    return latents.cpu()


class Latents:
    """A batch's latents at every step, at unit scale: `noisy` before the step, `clean` predicted."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._kept: list[Tensor] = []

    def look(self, record: StepRecord) -> None:
        """Keep one step."""
        self._kept.append(torch.stack([unit_latents(record, kind) for kind in KINDS], dim=1).half())

    def of(self, i: int) -> Tensor:
        """One picture's: [kind, step, channel, h, w], float16."""
        return torch.stack([step[i] for step in self._kept], dim=1).contiguous()


def train_readers(study: Study, places: Places) -> dict[str, LatentReader]:
    """Train a reader of each kind of latents on the fit pictures'."""
    latents: dict[str, Tensor] = {}
    labels: dict[str, Tensor] = {}
    for shard in study.of_split("fit"):
        latents |= load_file(study.shard(shard.number) / LATENTS)
        labels |= load_file(study.shard(shard.number) / "labels.safetensors")
    grid = next(iter(latents.values())).shape[-2:]
    wanted = {
        found.name: cell_means(
            torch.stack([labels[f"{image}/{found.name}"].float() for image in latents]), (grid[0], grid[1])
        )
        for found in places.properties
    }
    maps = torch.stack(list(wanted.values()), dim=1)
    maps = maps.reshape(*maps.shape[:2], *grid)
    binary = [found.binary for found in places.properties]
    return {
        kind: train_reader(torch.stack([of[k] for of in latents.values()]), maps, binary)
        for k, kind in enumerate(KINDS)
    }


class Sketches:
    """What the readers read off a batch's latents, step by step."""

    def __init__(self, readers: Mapping[str, LatentReader], steps: int) -> None:
        """Read nothing yet."""
        self._readers, self._steps = readers, steps
        self._maps: dict[str, list[Tensor]] = {kind: [] for kind in readers}

    def look(self, record: StepRecord) -> None:
        """Read one step."""
        for kind, reader in self._readers.items():
            latents = unit_latents(record, kind)
            share = torch.full((len(latents),), record.step / self._steps)
            self._maps[kind].append(reader(latents, share))

    def of(self, i: int) -> dict[str, Tensor]:
        """One picture's maps by kind: [step, property, h, w]."""
        return {kind: torch.stack([step[i] for step in steps]) for kind, steps in self._maps.items()}
