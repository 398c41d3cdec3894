"""Depth estimators of transformers: MiDaS v3 (Ranftl et al. 2021) and Depth Anything (Yang et al. 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from underpainting.errors import UnderpaintingError
from underpainting.observers.fingerprints import fingerprint
from underpainting.observers.registry import Device, ObserverEntry, register
from underpainting.observers.saved import glance, loading
from underpainting.weights import Checkpoint, Weights

MIDAS = Checkpoint("midas", "Intel/dpt-large", 1_370_000_000, "Apache-2.0")
HYBRID = Checkpoint("midas-hybrid", "Intel/dpt-hybrid-midas", 490_000_000, "Apache-2.0")
ANYTHING = Checkpoint("depth-anything", "depth-anything/Depth-Anything-V2-Small-hf", 99_000_000, "Apache-2.0")


class DepthEstimator:
    """Relative inverse depth (near is large), as the network predicts it, resized bicubically to the picture.

    Pictures are resized and normalised by the checkpoint's own image processor, from 8 bits.
    """

    properties = ("depth",)

    def __init__(
        self, network: Any, processor: Any, *, name: str, device: str | torch.device | None = None
    ) -> None:
        """network, processor: as `AutoModelForDepthEstimation` and `AutoImageProcessor` load them."""
        self.device = torch.device(device or "cpu")
        self.network = network.to(self.device).eval().requires_grad_(False)
        self.processor, self.name = processor, name
        self.fingerprint = fingerprint(network)

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Mapping[str, Tensor]:
        """`depth` [picture, height, width] of pictures [picture, 3, height, width] in 0..1."""
        levels = (pictures * 255).round().clamp(0, 255).to("cpu", torch.uint8)
        ready = self.processor(images=list(levels), return_tensors="pt")["pixel_values"]
        depth = self.network(ready.to(self.device, self.network.dtype)).predicted_depth.float()
        resized = interpolate(depth[:, None], pictures.shape[-2:], mode="bicubic", align_corners=False)
        return {"depth": resized[:, 0]}


def load_depth(weights: Weights, device: Device = None) -> DepthEstimator:
    """A depth estimator from the hub's cache or from a folder that transformers saved. Nothing is fetched.

    Raises UnderpaintingError where the weights are missing, damaged or of another kind.
    """
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation

    with loading(weights) as folder:
        network, report = AutoModelForDepthEstimation.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, output_loading_info=True
        )
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if wrong := sorted([*report["missing_keys"], *(str(key) for key in report["mismatched_keys"])]):
        raise UnderpaintingError(
            f"estimator {weights.name!r} in {folder} lacks {len(wrong)} weights, {wrong[0]} first; "
            "fetch it again"
        )
    return DepthEstimator(network, processor, name=weights.name, device=device)


for _checkpoint in (MIDAS, HYBRID, ANYTHING):
    register(
        ObserverEntry(
            _checkpoint.name,
            "estimator",
            gives="depth",
            load=load_depth,
            weights=_checkpoint,
            recognises=lambda folder: "model_type" in glance(folder),
        )
    )
