"""A small convolutional network that reads properties off the latents: it sees the picture, not the model.

What a probe reads better or earlier than this network is in the activations and not merely in the latents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, silu

from underpainting.controls.latents import KINDS
from underpainting.controls.registry import (
    DASHED,
    Control,
    FinishedPicture,
    FitPictures,
    Line,
    Maps,
    Source,
    register,
)
from underpainting.probes import cell_means
from underpainting.readers import opened_tensors

WIDTH, DILATIONS = 32, (1, 2, 4)
UPDATES, BATCH, RATE = 600, 32, 2e-3


class LatentReader(nn.Module):
    """Latents and step to maps: [picture, channel, h, w] and a number in 0..1 to [picture, property, h, w].

    Maps are in the labels' units, a binary property's in 0..1. Every output sees 19 x 19 latents.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, channels: int, binary: Sequence[bool]) -> None:
        """Random weights; `binary` says which properties are 0/1 maps."""
        super().__init__()
        self.binary = tuple(binary)
        self.first = nn.Conv2d(channels + 1, WIDTH, 3, padding=1)
        self.blocks = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 3, padding=d, dilation=d) for d in DILATIONS)
        self.last = nn.Conv2d(WIDTH, len(self.binary), 3, padding=1)
        self.register_buffer("mean", torch.zeros(len(self.binary)))
        self.register_buffer("spread", torch.ones(len(self.binary)))

    def raw(self, latents: Tensor, share: Tensor) -> Tensor:
        """Logits of binary properties and standardised values of the others; share [picture] of the steps."""
        step = share.to(latents)[:, None, None, None].expand(-1, 1, *latents.shape[2:])
        x = silu(self.first(torch.cat([latents, step], dim=1)))
        for block in self.blocks:
            x = x + silu(block(x))
        out: Tensor = self.last(x)
        return out

    def forward(self, latents: Tensor, share: Tensor) -> Tensor:
        """See the class."""
        raw = self.raw(latents, share)
        read = raw * self.spread[:, None, None] + self.mean[:, None, None]
        binary = torch.tensor(self.binary, device=raw.device)[:, None, None]
        return torch.where(binary, raw.sigmoid(), read)


def train_reader(latents: Tensor, labels: Tensor, binary: Sequence[bool], seed: int = 0) -> LatentReader:
    """Train on latents [picture, step, channel, h, w] of unit scale and labels [picture, property, h, w].

    Adam with a cosine to zero on random pictures at random steps: the same reader for the same data, threads
    and machine.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reader = LatentReader(latents.shape[2], binary)
    rng = torch.Generator().manual_seed(seed)
    reader.mean.copy_(labels.mean((0, 2, 3)))
    reader.spread.copy_(labels.std((0, 2, 3)).clamp(min=1e-6))
    known = torch.tensor(tuple(binary))
    wanted = (labels - reader.mean[:, None, None]) / reader.spread[:, None, None]
    wanted = torch.where(known[:, None, None], labels, wanted)
    optimizer = torch.optim.Adam(reader.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, UPDATES)
    steps = latents.shape[1]
    for _ in range(UPDATES):
        i = torch.randint(len(latents), (BATCH,), generator=rng)
        step = torch.randint(steps, (BATCH,), generator=rng)
        raw, target = reader.raw(latents[i, step].float(), (step + 1) / steps), wanted[i]
        shares = [
            binary_cross_entropy_with_logits(raw[:, k], target[:, k])
            if is_binary
            else (raw[:, k] - target[:, k]).square().mean()
            for k, is_binary in enumerate(reader.binary)
        ]
        optimizer.zero_grad()
        torch.stack(shares).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return reader.eval().requires_grad_(False)


def save_reader(reader: LatentReader, path: Path) -> None:
    """Write a reader as safetensors."""
    kinds = ",".join("binary" if known else "continuous" for known in reader.binary)
    save_file(reader.state_dict(), path, {"kinds": kinds})


def load_reader(path: Path) -> LatentReader:
    """Read what `save_reader` wrote. Raises UnderpaintingError where it is missing or broken."""
    with opened_tensors(path, "reader of latents", "run the study") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        kinds = file.metadata()["kinds"].split(",")
        reader = LatentReader(tensors["first.weight"].shape[1] - 1, [kind == "binary" for kind in kinds])
        reader.load_state_dict(tensors)
    return reader.eval().requires_grad_(False)


class NetworkControl(Control):
    """A small network on the noisy, and another on the predicted clean latents."""

    key = "network"
    cost = "two small networks are trained for a minute each"
    tries = "a network trained on the latents"
    records_latents = True
    threshold = 0.5
    sources = (
        Source(
            "network:noisy",
            "small network on the noisy latents",
            "the small network on the noisy latents",
            Line("ink", DASHED),
            panel="networks",
            has_layer=False,
            explains="latents",
        ),
        Source(
            "network:clean",
            "small network on the predicted clean latents",
            "the small network on the predicted clean latents",
            Line("ink"),
            panel="networks",
            has_layer=False,
            explains="latents",
        ),
    )

    def __init__(self, readers: Mapping[str, LatentReader] | None = None) -> None:
        """readers: by kind of latents, once they are trained."""
        self._readers = dict(readers or {})

    def train(self, pictures: FitPictures, folder: Path) -> None:
        """Train a reader of each kind of latents, on labels averaged to the latents' grid."""
        assert pictures.latents is not None
        latents, properties = pictures.latents, pictures.properties
        grid = (latents.shape[-2], latents.shape[-1])
        maps = torch.stack([cell_means(pictures.labels[of.name], grid) for of in properties], dim=1)
        maps = maps.reshape(*maps.shape[:2], *grid)
        for k, kind in enumerate(KINDS):
            reader = train_reader(latents[:, k], maps, [of.binary for of in properties])
            save_reader(reader, folder / _file(kind))

    def opened(self, folder: Path) -> NetworkControl:
        """With the readers in that folder."""
        return NetworkControl({kind: load_reader(folder / _file(kind)) for kind in KINDS})

    def maps(self, picture: FinishedPicture) -> dict[str, Maps]:
        """What the readers read off the latents of every step."""
        assert picture.latents is not None
        maps: dict[str, Maps] = {}
        for k, kind in enumerate(KINDS):
            latents = picture.latents[k].float()
            read = self._readers[kind](latents, torch.arange(1, len(latents) + 1) / len(latents))
            maps[f"network:{kind}"] = {of.name: read[:, i] for i, of in enumerate(picture.properties)}
        return maps


def _file(kind: str) -> str:
    return f"network-{kind}.safetensors"


register(NetworkControl())
