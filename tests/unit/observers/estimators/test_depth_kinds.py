"""What is near is large, whichever architecture of transformers predicts the depth, and in whatever form.

Each network is transformers' own, tiny and random but for its last layer, which is made to know the picture:
what is bright is near. What follows that layer, and what is made of it, is real.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn.functional import interpolate

from underpainting import load_estimator
from underpainting.errors import UnderpaintingError
from underpainting.observers.estimators.depth import DepthEstimator, predicted_by
from underpainting.observers.needs import needs

VIT = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": 64}
NECK = {"neck_hidden_sizes": [8] * 4, "fusion_hidden_size": 8}
ANYTHING = {"patch_size": 16, "reassemble_hidden_size": 16, "head_hidden_size": 8, **NECK}
MEAN = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
SIZE = {"height": 64, "width": 64}


def backbone(kind: str, **more: Any) -> dict[str, Any]:
    stages = [f"stage{i}" for i in range(1, 5)]
    both = {"model_type": kind, "patch_size": 16, "out_features": stages, "reshape_hidden_states": False}
    return {**VIT, **both, **more}


def dinov2() -> dict[str, Any]:
    return backbone("dinov2", mlp_ratio=2)


def beit() -> dict[str, Any]:
    return backbone("beit", intermediate_size=32)


def bit() -> dict[str, Any]:
    return {
        "model_type": "bit",
        "global_padding": "same",
        "layer_type": "bottleneck",
        "depths": [1, 1, 1],
        "hidden_sizes": [8, 16, 32],
        "embedding_size": 8,
        "num_groups": 2,
        "out_features": ["stage1", "stage2", "stage3"],
        "embedding_dynamic_padding": True,
    }


def tips() -> dict[str, Any]:
    own = {"intermediate_size": 32, "apply_layernorm": True}
    return backbone("tipsv2_vision_model", **own)


def pro() -> dict[str, Any]:
    vit = {**VIT, "model_type": "dinov2", "patch_size": 8, "mlp_ratio": 2, "num_hidden_layers": 2}
    parts = {f"{part}_model_config": {**vit, "image_size": 32} for part in ("image", "patch", "fov")}
    return {
        "patch_size": 32,
        "fusion_hidden_size": 16,
        "intermediate_hook_ids": [1, 0],
        "intermediate_feature_dims": [8, 8],
        "scaled_images_ratios": [0.5, 1.0],
        "scaled_images_overlap_ratios": [0.0, 0.2],
        "scaled_images_feature_dims": [8, 8],
        "merge_padding_value": 1,
        "use_fov_model": True,
        **parts,
    }


def dpt(**config: Any) -> Callable[[], Any]:
    own = {"patch_size": 16, "backbone_out_indices": [0, 1, 2, 3], "intermediate_size": 32, **VIT, **NECK}
    return lambda: transformers.DPTConfig(**(NECK if "backbone_config" in config else own) | config)


def anything(**config: Any) -> Callable[[], Any]:
    return lambda: transformers.DepthAnythingConfig(backbone_config=dinov2(), **ANYTHING, **config)


def hybrid() -> Any:
    sizes = {"backbone_featmap_shape": [1, 32, 4, 4], "neck_hidden_sizes": [8, 16, 16, 16]}
    own = {"patch_size": 16, "backbone_out_indices": [0, 1, 2, 3], "intermediate_size": 32, **VIT, **NECK}
    return transformers.DPTConfig(is_hybrid=True, backbone_config=bit(), **own | sizes)


def glpn() -> Any:
    blocks = {"num_encoder_blocks": 4, "depths": [1] * 4, "hidden_sizes": [8] * 4}
    return transformers.GLPNConfig(**blocks, num_attention_heads=[1] * 4, decoder_hidden_size=8)


def zoedepth() -> Any:
    sizes = {"bin_embedding_dim": 8, "num_relative_features": 8, "bottleneck_features": 8}
    return transformers.ZoeDepthConfig(
        backbone_config=beit(), backbone_hidden_size=16, num_attractors=[2, 2, 1, 1], **sizes, **NECK
    )


def layers(bright: Tensor) -> Tensor:
    """Eight logits of bins from 0.001 to 10: of the nearest as bright, of the farthest as it is not."""
    return torch.cat([bright, *[bright * 0] * 6, 2 - bright], dim=1)


@dataclass(frozen=True)
class Kind:
    """A config, its last layer, what that gives for a brightness, and how near brightness is in the end."""

    config: Callable[[], Any]
    last: str
    gives: Callable[[Tensor], Any]
    near: Callable[[Tensor], Tensor]


def inverse(config: Callable[[], Any], last: str) -> Kind:
    return Kind(config, last, lambda bright: bright, lambda bright: bright)


def metres(config: Callable[[], Any], last: str) -> Kind:
    return Kind(config, last, lambda bright: 3 - 2 * bright, lambda bright: 1 / (3 - 2 * bright))


def squashed(config: Callable[[], Any], last: str, most: float) -> Kind:
    """The last layer's sigmoid is a share of the largest depth."""
    return Kind(
        config, last, lambda bright: 1 - 3 * bright, lambda bright: 1 / (most * torch.sigmoid(1 - 3 * bright))
    )


KINDS = {
    "DPT of MiDaS 3": inverse(dpt(), "head.head.4"),
    "DPT hybrid of MiDaS 3": inverse(hybrid, "head.head.4"),
    "DPT of MiDaS 3.1, BEiT": inverse(dpt(backbone_config=beit()), "head.head.4"),
    "DPT on DINOv2, in metres": metres(
        dpt(backbone_config=dinov2(), add_projection=True, fusion_hidden_size=256), "head.head.4"
    ),
    "Depth Anything": inverse(anything(), "head.conv3"),
    "Depth Anything in metres": squashed(
        anything(depth_estimation_type="metric", max_depth=20), "head.conv3", 20
    ),
    "GLPN": squashed(glpn, "head.head.2", 10),
    "ZoeDepth": Kind(
        zoedepth, "metric_head", lambda bright: (3 - 2 * bright, None), lambda bright: 1 / (3 - 2 * bright)
    ),
    "DepthPro": inverse(lambda: transformers.DepthProConfig(**pro()), "head.layers.4"),
    "TIPS": Kind(
        lambda: transformers.Tipsv2DptConfig(backbone_config=tips(), num_depth_bins=8, **NECK),
        "decoder",
        layers,
        lambda bright: 1 / (10 - 5 * bright),
    ),
}


def processor(kind: str) -> Any:
    if kind == "GLPN":
        return transformers.GLPNImageProcessor(size_divisor=32)
    if kind == "ZoeDepth":
        return transformers.ZoeDepthImageProcessor(
            size=SIZE, ensure_multiple_of=32, keep_aspect_ratio=False, **MEAN
        )
    if kind == "DepthPro":
        return transformers.DepthProImageProcessor(size=SIZE, **MEAN)
    return transformers.DPTImageProcessor(size=SIZE, ensure_multiple_of=32, keep_aspect_ratio=False, **MEAN)


def saved(kind: str, config: Any, folder: Path) -> Path:
    torch.manual_seed(0)
    transformers.AutoModelForDepthEstimation.from_config(config).save_pretrained(folder)
    processor(kind).save_pretrained(folder)
    return folder


def make_bright_near(estimator: DepthEstimator, kind: Kind) -> None:
    """Put the picture's brightness in place of what the last layer gives."""
    seen: list[Tensor] = []

    def look(module: Any, args: Any, given: dict[str, Any]) -> None:
        pixels = given["pixel_values"] if given else args[0]
        normalised = getattr(estimator.processor, "do_normalize", False)
        seen[:] = [pixels.mean(1, keepdim=True) * 0.5 + 0.5 if normalised else pixels.mean(1, keepdim=True)]

    def give(module: Any, args: Any, output: Any) -> Any:
        shape = (output[0] if isinstance(output, tuple) else output).shape[-2:]
        return kind.gives(interpolate(seen[0], shape, mode="bilinear"))

    estimator.network.register_forward_pre_hook(look, with_kwargs=True)
    estimator.network.get_submodule(kind.last).register_forward_hook(give)


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    """Two pictures, each bright about another place."""
    down, across = torch.meshgrid(torch.arange(64), torch.arange(96), indexing="ij")
    bumps = [torch.exp(-((down - y) ** 2 + (across - x) ** 2) / 800) for y, x in ((16, 30), (40, 70))]
    return (0.1 + 0.8 * torch.stack(bumps))[:, None].repeat(1, 3, 1, 1)


@pytest.mark.parametrize("name", KINDS)
def test_what_is_near_is_large(name: str, tmp_path: Path, pictures: Tensor) -> None:
    kind = KINDS[name]
    estimator = load_estimator(saved(name, kind.config(), tmp_path / "saved"))
    make_bright_near(estimator, kind)
    depth = estimator(pictures)["depth"]
    expected = kind.near(pictures.mean(1))
    assert depth.shape == expected.shape == (2, 64, 96)
    for found, near in zip(depth, expected, strict=True):
        assert spearmanr(found.flatten(), near.flatten()).statistic > 0.99
        assert (found - near).abs().max() < 0.1 * (near.max() - near.min())


def test_depth_pros_own_processor_turns_it_into_metres(tmp_path: Path, pictures: Tensor) -> None:
    kind = KINDS["DepthPro"]
    estimator = load_estimator(saved("DepthPro", kind.config(), tmp_path / "saved"))
    make_bright_near(estimator, kind)
    ready = estimator.processor(images=list((pictures * 255).byte()), return_tensors="pt")
    with torch.no_grad():
        outputs = estimator.network(**ready)
    outputs.field_of_view = torch.full((2,), 60.0)
    own = estimator.processor.post_process_depth_estimation(outputs, [(64, 96)] * 2)
    for found, one in zip(estimator(pictures)["depth"], own, strict=True):
        assert spearmanr(found.flatten(), one["predicted_depth"].flatten()).statistic < -0.99


UNKNOWN = {
    "DPT on DINOv2 as Meta's are not": dpt(backbone_config=dinov2()),
    "Prompt Depth Anything": lambda: transformers.PromptDepthAnythingConfig(
        backbone_config=dinov2(), **ANYTHING
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_no_config_tells_is_refused_until_it_is_stated(
    name: str, tmp_path: Path, pictures: Tensor
) -> None:
    folder = saved(name, UNKNOWN[name](), tmp_path / "saved")
    with pytest.raises(
        UnderpaintingError, match=r"does not say whether near .* metric-depth:FOLDER where far"
    ):
        load_estimator(folder)
    last = "head.head.4" if "DPT" in name else "head.conv3"
    for prefix, kind in (("inverse", inverse(dpt(), last)), ("metric", metres(dpt(), last))):
        estimator = load_estimator(f"{prefix}-depth:{folder}")
        make_bright_near(estimator, kind)
        depth = estimator(pictures)["depth"]
        assert spearmanr(depth.flatten(), pictures.mean(1).flatten()).statistic > 0.99


def test_a_dpt_that_was_trained_further_can_be_stated_but_code_cannot(tmp_path: Path) -> None:
    further = saved("DPT", dpt()(), tmp_path / "dpt")
    known, stated = load_estimator(further), load_estimator(f"metric-depth:{further}")
    assert (known.predicts, stated.predicts) == ("inverse", "metric")
    assert known.fingerprint != stated.fingerprint == load_estimator(f"metric-depth:{further}").fingerprint
    squashed = saved("GLPN", glpn(), tmp_path / "glpn")
    assert load_estimator(f"metric-depth:{squashed}").predicts == "metric"
    with pytest.raises(UnderpaintingError, match="by its config this 'glpn' predicts metric depth"):
        load_estimator(f"inverse-depth:{squashed}")


@pytest.mark.parametrize("prefix", ["inverse-depth", "metric-depth"])
def test_a_stated_folder_or_repository_that_is_not_here_is_one_line(
    prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    name = f"{prefix}:{tmp_path / 'none'}"
    with pytest.raises(UnderpaintingError, match=f"{prefix}:.* is not here"):
        load_estimator(name)
    assert [needed.here for needed in needs("estimator", name)] == [False]
    with pytest.raises(
        UnderpaintingError, match=f"{prefix}:OWNER/NAME is not here .*`hf download OWNER/NAME`"
    ):
        load_estimator(f"{prefix}:OWNER/NAME")


def test_canopy_heights_are_no_depth() -> None:
    assert predicted_by(transformers.CHMv2Config()) is None
