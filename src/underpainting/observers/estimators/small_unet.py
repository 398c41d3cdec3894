"""A small convolutional estimator of saliency, depth and shading at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from underpainting import stilllife
from underpainting.errors import UnderpaintingError
from underpainting.observers.registry import Device, ObserverEntry, register
from underpainting.observers.saved import glance, load_weights, read_config, save_model
from underpainting.weights import SavedModel, Weights

PROPERTIES = ("saliency", "depth", "shading")
STRIDE = 16


def _convolutions(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.SiLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.SiLU(),
    )


class SmallUNet(nn.Module):
    """Pictures [picture, 3, height, width] in 0..1 to raw maps [picture, 3, height, width].

    A U-Net (Ronneberger et al. 2015) of strides 2 to 16 whose skips are added; the last convolutions see the
    picture itself again, so that outlines are sharp. Raw maps: logit of saliency, standardised inverse depth,
    logarithm of shading.
    """

    def __init__(self, channels: tuple[int, int, int, int]) -> None:
        """Channels at strides 2, 4, 8 and 16."""
        super().__init__()
        a, b, c, d = channels
        self.down = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(3, a, 4, 2, 1), _convolutions(a, a)),
                nn.Sequential(nn.MaxPool2d(2), _convolutions(a, b)),
                nn.Sequential(nn.MaxPool2d(2), _convolutions(b, c)),
                nn.Sequential(nn.MaxPool2d(2), _convolutions(c, d)),
            ]
        )
        self.context = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(d, d, 1), nn.SiLU())
        self.narrow = nn.ModuleList([nn.Conv2d(d, c, 1), nn.Conv2d(c, b, 1), nn.Conv2d(b, a, 1)])
        self.up = nn.ModuleList([_convolutions(c, c), _convolutions(b, b), _convolutions(a, a)])
        self.maps = nn.Conv2d(a, 3, 1)
        self.refine = nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.SiLU(), nn.Conv2d(8, 3, 3, padding=1))

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        x, seen = pictures * 2 - 1, []
        for block in self.down:
            x = block(x)
            seen.append(x)
        x = x + self.context(x)
        for narrow, block, skip in zip(self.narrow, self.up, reversed(seen[:-1]), strict=True):
            x = block(interpolate(narrow(x), scale_factor=2.0) + skip)
        maps: Tensor = interpolate(self.maps(x), scale_factor=2.0, mode="bilinear")
        refined: Tensor = self.refine(torch.cat([maps, pictures * 2 - 1], dim=1))
        return maps + refined


class SmallEstimator:
    """Saliency, depth and shading by one small U-Net.

    `properties` is (saliency, depth, shading). Labels: saliency 0 or 1, relative inverse depth standardised
    within the picture (near is large), shading relative to the picture's exposure (positive).
    """

    properties = PROPERTIES

    def __init__(self, network: SmallUNet, *, name: str, fingerprint: str, device: torch.device) -> None:
        """Use `from_pretrained`."""
        self.network = network.to(device).eval().requires_grad_(False)
        self.name, self.fingerprint, self.device = name, fingerprint, device

    @classmethod
    def from_pretrained(
        cls, folder: Path, *, name: str | None = None, device: str | torch.device | None = None
    ) -> Self:
        """The estimator saved in ``folder`` (`config.json`, `model.safetensors`).

        Raises UnderpaintingError where files are missing, damaged or of another architecture.
        """
        network = SmallUNet(_channels(read_config(folder), folder))
        fingerprint = load_weights(network, folder)
        return cls(
            network, name=name or folder.name, fingerprint=fingerprint, device=torch.device(device or "cpu")
        )

    def __call__(self, pictures: Tensor) -> Mapping[str, Tensor]:
        """Maps [picture, height, width] of each property, from pictures [picture, 3, height, width] in 0..1.

        Height and width must be multiples of 16; raises UnderpaintingError otherwise.
        """
        if (
            pictures.ndim != 4
            or pictures.shape[1] != 3
            or pictures.shape[2] % STRIDE
            or pictures.shape[3] % STRIDE
        ):
            raise UnderpaintingError(
                f"estimator {self.name!r} takes pictures [picture, 3, height, width] with sides that are "
                f"multiples of {STRIDE}, not {list(pictures.shape)}"
            )
        with torch.no_grad():
            saliency, depth, shading = self.network(pictures.to(self.device, torch.float32)).unbind(1)
        return {"saliency": (saliency > 0).float(), "depth": depth, "shading": shading.exp()}


def save_estimator(network: SmallUNet, channels: tuple[int, int, int, int], folder: Path) -> None:
    """Saves what `SmallEstimator.from_pretrained` loads."""
    save_model(network, {"architecture": "SmallUNet", "channels": list(channels)}, folder)


def _channels(config: dict[str, Any], folder: Path) -> tuple[int, int, int, int]:
    channels = config.get("channels")
    if (
        not isinstance(channels, list)
        or len(channels) != 4
        or not all(type(c) is int and 0 < c <= 4096 for c in channels)
    ):
        raise UnderpaintingError(
            f"config.json in {folder} needs four 'channels' of 1 to 4096, not {channels!r}"
        )
    a, b, c, d = channels
    return a, b, c, d


def load_small_unet(weights: Weights, device: Device = None) -> SmallEstimator:
    """The estimator of a folder; its errors are those of `SmallEstimator.from_pretrained`."""
    return SmallEstimator.from_pretrained(weights.require(), name=weights.name, device=device)


register(
    ObserverEntry(
        "stilllife",
        "estimator",
        gives="saliency, depth, shading",
        load=load_small_unet,
        weights=SavedModel("stilllife", stilllife.folder() / "estimator", "Apache-2.0"),
        recognises=lambda folder: "channels" in glance(folder),
    )
)
