"""Depth estimators of transformers, whatever they predict: near is large in the end.

MiDaS (Ranftl et al. 2021) and Depth Anything (Yang et al. 2024) predict relative inverse depth; ZoeDepth,
GLPN and others predict metres. Which of the two a network predicts is told by its config, not by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from underpainting.errors import UnderpaintingError
from underpainting.observers.fingerprints import fingerprint, joined
from underpainting.observers.registry import Device, ObserverEntry, register
from underpainting.observers.saved import glance, loading
from underpainting.readers import home_path
from underpainting.weights import Checkpoint, SavedModel, Weights, Work, is_repository

_MIDAS = Work(
    "ranftl2019",
    "Ranftl, René and Lasinger, Katrin and Hafner, David and Schindler, Konrad and Koltun, Vladlen",
    "Towards Robust Monocular Depth Estimation: Mixing Datasets for Zero-shot Cross-dataset Transfer",
    2019,
    "1907.01341",
)
_DPT = Work(
    "ranftl2021",
    "Ranftl, René and Bochkovskiy, Alexey and Koltun, Vladlen",
    "Vision Transformers for Dense Prediction",
    2021,
    "2103.13413",
)
_ANYTHING = Work(
    "yang2024",
    "Yang, Lihe and Kang, Bingyi and Huang, Zilong and Zhao, Zhen and Xu, Xiaogang and Feng, Jiashi "
    "and Zhao, Hengshuang",
    "Depth Anything V2",
    2024,
    "2406.09414",
)
MIDAS = Checkpoint("midas", "Intel/dpt-large", 1_370_000_000, "Apache-2.0", works=(_MIDAS, _DPT))
HYBRID = Checkpoint("midas-hybrid", "Intel/dpt-hybrid-midas", 490_000_000, "Apache-2.0", works=(_MIDAS, _DPT))
ANYTHING = Checkpoint(
    "depth-anything",
    "depth-anything/Depth-Anything-V2-Small-hf",
    99_000_000,
    "Apache-2.0",
    works=(_ANYTHING,),
)

Predicts = Literal["inverse", "metric"]
"""Inverse depth, of which near is large, in any scale; or depth, of which far is large."""

BY_CODE: dict[str, Predicts] = {
    "glpn": "metric",
    "zoedepth": "metric",
    "tipsv2_dpt": "metric",
    "depth_pro": "inverse",  # in its canonical scale: its processor, which is not asked, turns it into metres
}
"""What networks predict by their code alone, by `model_type`."""

MIDAS_BACKBONES = (None, "bit", "beit", "swinv2")
"""Of DPT: its own ViT and the hybrid of MiDaS 3.0, BEiT and Swin of MiDaS 3.1."""

NEAREST = 0.01
"""Depths below, in metres, count as this one."""


def predicted_by(config: Any) -> Predicts | None:
    """What a network of transformers predicts, by its config; None where that does not tell.

    A DPT on DINOv2 with a projection is Meta's, trained on metres of NYU or KITTI.
    """
    kind = config.model_type
    if kind == "depth_anything":
        return "metric" if config.depth_estimation_type == "metric" else "inverse"
    if kind == "dpt":
        backbone = getattr(config.backbone_config, "model_type", None)
        if backbone in MIDAS_BACKBONES:
            return "inverse"
        return "metric" if backbone == "dinov2" and config.add_projection else None
    return BY_CODE.get(kind)


class DepthEstimator:
    """Inverse depth (near is large), relative or per metre, resized bicubically to the picture.

    What a network predicts as metres is inverted first. Pictures are resized and normalised by the
    checkpoint's own image processor, from 8 bits.
    """

    properties = ("depth",)

    def __init__(
        self,
        network: Any,
        processor: Any,
        *,
        name: str,
        device: str | torch.device | None = None,
        predicts: Predicts | None = None,
    ) -> None:
        """network, processor: as `AutoModelForDepthEstimation` and `AutoImageProcessor` load them.

        predicts: where the config does not tell, or tells it of a DPT, which may have been trained further.
        Raises UnderpaintingError where it is neither known nor stated, or stated against the network's code.
        """
        kind, known = network.config.model_type, predicted_by(network.config)
        self.predicts = predicts or known
        if self.predicts is None:
            raise UnderpaintingError(
                f"estimator {name!r}: the config of this {kind!r} does not say whether near or far is large; "
                "name it inverse-depth:FOLDER where near is, metric-depth:FOLDER where far is"
            )
        if known not in (None, self.predicts) and kind != "dpt":
            raise UnderpaintingError(
                f"estimator {name!r}: by its config this {kind!r} predicts {known} depth; name its folder "
                "without a prefix"
            )
        self.device = torch.device(device or "cpu")
        self.network = network.to(self.device).eval().requires_grad_(False)
        self.processor, self.name = processor, name
        self.fingerprint = joined([fingerprint(network), self.predicts])

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Mapping[str, Tensor]:
        """`depth` [picture, height, width] of pictures [picture, 3, height, width] in 0..1."""
        levels = (pictures * 255).round().clamp(0, 255).to("cpu", torch.uint8)
        ready = self.processor(images=list(levels), return_tensors="pt")["pixel_values"]
        depth = self.network(ready.to(self.device, self.network.dtype)).predicted_depth.float()
        near = 1 / depth.clamp(min=NEAREST) if self.predicts == "metric" else depth
        return {"depth": self._fitted(near, (pictures.shape[-2], pictures.shape[-1]))}

    def _fitted(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        if self.network.config.model_type != "zoedepth":
            return interpolate(maps[:, None], size, mode="bicubic", align_corners=False)[:, 0]
        # its processor has padded the pictures, and cuts that off again
        whole = self.processor.post_process_depth_estimation(
            SimpleNamespace(predicted_depth=maps), [size] * len(maps)
        )
        return torch.stack([one["predicted_depth"] for one in whole])


def load_depth(
    weights: Weights, device: Device = None, *, predicts: Predicts | None = None
) -> DepthEstimator:
    """A depth estimator from the hub's cache or from a folder that transformers saved. Nothing is fetched.

    Raises UnderpaintingError where the weights are missing, damaged or of another kind, and as
    `DepthEstimator`.
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
    return DepthEstimator(network, processor, name=weights.name, device=device, predicts=predicts)


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


def _stated(prefix: str, name: str) -> Weights | None:
    """The weights of `PREFIX:FOLDER` or `PREFIX:OWNER/NAME`; None where a name is none of these."""
    if not name.startswith(prefix):
        return None
    text = name.removeprefix(prefix)
    folder = home_path(text)
    return Checkpoint(name, text) if is_repository(text) and not folder.is_dir() else SavedModel(name, folder)


for _predicts in ("inverse", "metric"):
    _prefix = f"{_predicts}-depth:"
    register(
        ObserverEntry(
            f"{_prefix}NAME",
            "estimator",
            gives="depth",
            load=partial(load_depth, predicts=_predicts),
            family=partial(_stated, _prefix),
        )
    )
