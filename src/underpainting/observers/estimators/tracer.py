"""TRACER (Lee, Shin and Han 2022), extreme attention guided salient object tracing, by carvekit's layers.

carvekit leaves out the paper's first module, which finds edges in the frequencies of the first features; it
is put back here, so that the original checkpoints load whole.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from underpainting.errors import UnderpaintingError
from underpainting.observers.fingerprints import fingerprint
from underpainting.observers.registry import Device, ObserverEntry, register
from underpainting.observers.saved import fill
from underpainting.readers import read_state
from underpainting.weights import TorchFile, Weights, Work

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RADIUS = 16  # of the low frequencies that are taken away
EDGES = "Frequency_Edge_Module1"


@dataclass(frozen=True)
class Layout:
    """A size of TRACER: its encoder's coefficients and the blocks that are read.

    side: of the square pictures it sees. edges: whether it has the module that carvekit leaves out.
    """

    weights: TorchFile
    width: float
    depth: float
    image_size: int
    blocks: tuple[int, ...]
    channels: tuple[int, ...]
    side: int
    edges: bool

    @property
    def name(self) -> str:
        """What the estimator is called."""
        return self.weights.name


_RELEASE = "https://github.com/Karel911/TRACER/releases/download/v1.0/TRACER-Efficient-5.pth"
_CARVEKIT = "https://huggingface.co/Carve/tracer_b7/resolve/main/tracer_b7.pth"
_WORK = Work(
    "lee2021",
    "Lee, Min Seok and Shin, WooSeok and Han, Sung Won",
    "TRACER: Extreme Attention Guided Salient Object Tracing Network",
    2021,
    "2112.07380",
)
TE5 = Layout(
    TorchFile("tracer", _RELEASE, 126_000_000, "Apache-2.0", works=(_WORK,)),
    *(1.6, 2.2, 456, (7, 12, 26, 38), (40, 64, 176, 512), 512, True),
)
TE7 = Layout(
    TorchFile("tracer-te7", _CARVEKIT, 266_000_000, "Apache-2.0", works=(_WORK,)),
    *(2.0, 3.1, 600, (10, 17, 37, 54), (48, 80, 224, 640), 640, False),
)


class TracerEstimator:
    """The salient object: 1 where the map, as 8 bits, is above 0 (about 1 / 255), as the published study did.

    Pictures are resized to a square of the layout's side and normalised by ImageNet's mean and deviation; the
    map is resized back bilinearly.
    """

    properties = ("saliency",)

    def __init__(self, network: nn.Module, layout: Layout, device: str | torch.device | None = None) -> None:
        """network: as `build` makes it, with its weights."""
        self.device = torch.device(device or "cpu")
        self.network = network.to(self.device).eval().requires_grad_(False)
        self.layout, self.name, self.fingerprint = layout, layout.name, fingerprint(network)

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Mapping[str, Tensor]:
        """`saliency` [picture, height, width], 0 or 1, of pictures [picture, 3, height, width] in 0..1."""
        dtype = next(self.network.parameters()).dtype
        mean, std = (torch.tensor(channels)[:, None, None] for channels in (MEAN, STD))
        side = (self.layout.side, self.layout.side)
        seen = interpolate(pictures.float().cpu(), side, mode="bilinear", align_corners=False)
        maps = self.network(((seen - mean) / std).to(self.device, dtype)).float()
        whole = interpolate(maps, pictures.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
        return {"saliency": ((whole * 255).to(torch.uint8) > 0).float()}


def load_tracer(layout: Layout, weights: Weights, device: Device = None) -> TracerEstimator:
    """TRACER of a layout, from a checkpoint of it. Nothing is fetched.

    Raises UnderpaintingError where carvekit or the checkpoint is missing, or that is of another layout.
    """
    path, remedy = weights.require(), f"fetch it again by `{layout.weights.command}`"
    state = read_state(path, "checkpoint of TRACER", remedy)
    named = {_renamed(name): weight for name, weight in state.items()}
    if not layout.edges:  # carvekit's own checkpoint has what carvekit does not use
        named = {name: weight for name, weight in named.items() if EDGES not in name}
    network = build(layout)
    fill(network, named, f"{path} is not of {layout.name!r}", remedy)
    return TracerEstimator(network, layout, device)


def build(layout: Layout) -> nn.Module:
    """The network of a layout, with weights drawn at random; the global random state is the caller's.

    From pictures [picture, 3, side, side] to maps [picture, 1, side, side] in 0..1.
    Raises UnderpaintingError where carvekit is missing.
    """
    with _same_random_state():
        try:
            from carvekit.ml.arch.tracerb7 import att_modules, conv_modules, effi_utils, efficientnet
            from carvekit.ml.arch.tracerb7.tracer import TracerDecoder
        except ImportError:
            raise UnderpaintingError(
                f"estimator {layout.name!r} needs carvekit's layers: pip install --no-deps carvekit"
            ) from None

        class FrequencyEdges(nn.Module):
            """Edges from high frequencies, added to the features (section 3.2 of the paper)."""

            def __init__(self, channels: int) -> None:
                super().__init__()
                self.UAM = att_modules.UnionAttentionModule(channels, only_channel_tracing=True)
                kinds: dict[str, Any] = {"kernel": 3, "padding": 1, "kernels_per_layer": 1}
                self.DWSConv = conv_modules.DWSConv(channels, channels, **kinds)
                for i, (kernel, reach) in enumerate(((1, 0), (3, 1), (3, 3), (3, 5)), start=1):
                    wide = conv_modules.DWConv(
                        channels, channels, kernel=kernel, padding=reach, dilation=max(reach, 1)
                    )
                    narrow = conv_modules.BasicConv2d(channels, channels // 4, 1)
                    self.add_module(f"DWConv{i}", nn.Sequential(wide, narrow))
                self.conv = conv_modules.BasicConv2d(channels, 1, 1)

            def forward(self, x: Tensor) -> Tensor:
                high, _ = self.UAM.Channel_Tracer(high_frequencies(x).to(x))
                seen = self.DWSConv(high)
                wide = torch.cat([self.get_submodule(f"DWConv{i}")(seen) for i in range(1, 5)], dim=1)
                edges: Tensor = torch.relu(self.conv(wide + seen))
                return x + edges

        class Encoder(efficientnet.EfficientNet):  # type: ignore[misc]
            """The features of four blocks of an EfficientNet (Tan and Le 2019)."""

            def __init__(self) -> None:
                super().__init__(
                    *effi_utils.create_block_args(
                        width_coefficient=layout.width,
                        depth_coefficient=layout.depth,
                        image_size=layout.image_size,
                    )
                )
                if layout.edges:
                    self.add_module(EDGES, FrequencyEdges(layout.channels[0]))

            def forward(self, x: Tensor) -> list[Tensor]:
                x = self._swish(self._bn0(self._conv_stem(x)))
                features = []
                for number, block in enumerate(self._blocks):
                    x = block(x)
                    if number == layout.blocks[0] and layout.edges:
                        x = self.get_submodule(EDGES)(x)
                    if number in layout.blocks:
                        features.append(x)
                return features

        network: nn.Module = TracerDecoder(Encoder(), features_channels=list(layout.channels))
    return network.eval()


def high_frequencies(x: Tensor, radius: float = RADIUS) -> Tensor:
    """Magnitude of features [..., height, width] without their frequencies within a radius of the middle.

    Distances are from half the height, as the original has it.
    """
    height, width = x.shape[-2:]
    rows, columns = (torch.arange(n, device=x.device) - height / 2 for n in (height, width))
    near = torch.hypot(rows[:, None], columns[None]) < radius
    waves = torch.fft.fftshift(torch.fft.fft2(x.float()))
    high: Tensor = torch.fft.ifft2(torch.fft.ifftshift(waves * ~near)).abs()
    return high


def _renamed(name: str) -> str:
    """A weight's name here, from its name in the original's or in carvekit's checkpoint."""
    name = name.removeprefix("module.")
    return "encoder." + name.removeprefix("model.") if name.startswith("model.") else name


@contextmanager
def _same_random_state() -> Iterator[None]:
    """Leave the global random state as it was: carvekit seeds it when it is imported."""
    before = random.getstate()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(before)


for _layout in (TE5, TE7):
    register(
        ObserverEntry(
            _layout.name,
            "estimator",
            gives="saliency",
            load=partial(load_tracer, _layout),
            weights=_layout.weights,
        )
    )
