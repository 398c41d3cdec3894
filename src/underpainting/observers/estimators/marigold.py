"""Marigold of diffusers (Ke et al. 2024, arXiv 2312.02145): depth and lighting by a diffusion model.

It was trained from Stable Diffusion 2, so its labels are not independent of a Stable Diffusion under study.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.observers.fingerprints import fingerprint, joined
from underpainting.observers.registry import Device, ObserverEntry, register
from underpainting.observers.saved import loading
from underpainting.pipeline_folder import read_pipeline
from underpainting.weights import Checkpoint, Weights, Work

_WORK = Work(
    "ke2025",
    "Ke, Bingxin and Qu, Kevin and Wang, Tianfu and Metzger, Nando and Huang, Shengyu and Li, Bo and "
    "Obukhov, Anton and Schindler, Konrad",
    "Marigold: Affordable Adaptation of Diffusion-Based Image Generators for Image Analysis",
    2025,
    "2505.09358",
)
DEPTH = Checkpoint(
    "marigold-depth", "prs-eth/marigold-depth-v1-1", 2_600_000_000, "OpenRAIL++", works=(_WORK,)
)
LIGHTING = Checkpoint(
    "marigold-lighting", "prs-eth/marigold-iid-lighting-v1-1", 2_600_000_000, "OpenRAIL++", works=(_WORK,)
)
SEED = 0


class MarigoldEstimator:
    """`depth` from 0 (far) to 1 (near), in depth's own scale, not inverted; or `shading`, the mean of RGB.

    Each picture is denoised from the same noise, so that its map does not depend on its batch.
    """

    def __init__(self, pipe: Any, *, name: str, device: str | torch.device | None = None) -> None:
        """pipe: a `MarigoldDepthPipeline`, or a `MarigoldIntrinsicsPipeline` with `shading` as a target.

        Raises UnderpaintingError where it is neither.
        """
        self.pipe = pipe.to(torch.device(device or "cpu"))
        self.pipe.set_progress_bar_config(disable=True)
        self.name = name
        self._targets = list((getattr(pipe, "target_properties", None) or {}).get("target_names", []))
        is_depth = type(pipe).__name__ == "MarigoldDepthPipeline"
        if not is_depth and "shading" not in self._targets:
            raise UnderpaintingError(
                f"estimator {name!r} is a {type(pipe).__name__} of {', '.join(self._targets) or 'nothing'}: "
                "it gives neither depth nor shading"
            )
        self.properties = ("depth",) if is_depth else ("shading",)
        self.fingerprint = joined(
            fingerprint(getattr(pipe, part)) for part in ("unet", "vae", "text_encoder")
        )

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Mapping[str, Tensor]:
        """The map [picture, height, width] of pictures [picture, 3, height, width] in 0..1."""
        count = len(pictures)
        maps = self.pipe(
            image=pictures.to(self.pipe.dtype),
            batch_size=count,
            generator=[torch.Generator("cpu").manual_seed(SEED) for _ in range(count)],
            output_type="pt",
        ).prediction.float()
        if self.properties == ("depth",):
            return {"depth": 1 - maps[:, 0]}
        by_target = maps.reshape(count, len(self._targets), *maps.shape[1:])
        return {"shading": by_target[:, self._targets.index("shading")].mean(1)}


def load_marigold(weights: Weights, device: Device = None) -> MarigoldEstimator:
    """Marigold from the hub's cache or from a folder that diffusers saved. Nothing is fetched.

    Raises UnderpaintingError where the weights are missing, damaged or of another kind.
    """
    with loading(weights) as folder:
        pipe = read_pipeline(folder)
    return MarigoldEstimator(pipe, name=weights.name, device=device)


for _checkpoint, _property in ((DEPTH, "depth"), (LIGHTING, "shading")):
    register(
        ObserverEntry(
            _checkpoint.name,
            "estimator",
            gives=_property,
            load=load_marigold,
            weights=_checkpoint,
            recognises=lambda folder: (folder / "model_index.json").is_file(),
        )
    )
