"""Marigold's real pipelines on small random networks, and Intrinsic where it is not installed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    MarigoldDepthPipeline,
    MarigoldIntrinsicsPipeline,
    UNet2DConditionModel,
)
from skimage import data
from transformers import CLIPTextModel

from tests.pipeline.conftest import tiny_tokenizer
from tests.pipeline.parts import NOISE, autoencoder, text_config
from underpainting import load_estimator
from underpainting.errors import UnderpaintingError
from underpainting.observers.estimators.marigold import SEED

TARGETS = ["albedo", "shading", "residual"]


def marigold(folder: Path, kind: Any, maps: int, **more: Any) -> Path:
    """A Marigold as the real checkpoint is laid out, only small, with random weights."""
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer(folder / "words")
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=4 + 4 * maps,
        out_channels=4 * maps,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=(8, 16),
        layers_per_block=1,
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=4,
    )
    pipe = kind(
        unet=unet,
        vae=autoencoder(),
        scheduler=DDIMScheduler(**NOISE, prediction_type="v_prediction", clip_sample=False),
        text_encoder=CLIPTextModel(text_config(16, len(tokenizer))),
        tokenizer=tokenizer,
        default_denoising_steps=2,
        default_processing_resolution=0,
        **more,
    )
    pipe.save_pretrained(folder / "marigold")
    return folder / "marigold"


@pytest.fixture(scope="module")
def depth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("depth")
    return marigold(folder, MarigoldDepthPipeline, 1, prediction_type="depth")


@pytest.fixture(scope="module")
def lighting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lighting")
    about = {"target_names": TARGETS, **{name: {"prediction_space": "linear"} for name in TARGETS}}
    return marigold(
        folder, MarigoldIntrinsicsPipeline, 3, prediction_type="intrinsics", target_properties=about
    )


@pytest.fixture
def pictures() -> torch.Tensor:
    found = [torch.from_numpy(of[:64, :96].copy()) for of in (data.astronaut(), data.chelsea())]
    return torch.stack(found).permute(0, 3, 1, 2) / 255


def own(pipe: Any, picture: torch.Tensor) -> torch.Tensor:
    """The pipeline's own call for one picture."""
    pipe.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(SEED)
    found: torch.Tensor = pipe(picture[None], generator=generator, output_type="pt").prediction
    return found


def test_depth_is_the_pipelines_own_with_near_large(depth: Path, pictures: torch.Tensor) -> None:
    estimator = load_estimator(depth)
    assert estimator.properties == ("depth",)
    state = torch.get_rng_state()
    found = estimator(pictures)["depth"]
    assert torch.equal(torch.get_rng_state(), state)
    assert found.shape == (2, 64, 96) and found.std() > 0
    pipe = MarigoldDepthPipeline.from_pretrained(depth)
    for picture, of in zip(pictures, found, strict=True):
        torch.testing.assert_close(of, 1 - own(pipe, picture)[0, 0], atol=1e-4, rtol=1e-4)


def test_shading_is_the_target_of_that_name(lighting: Path, pictures: torch.Tensor) -> None:
    estimator = load_estimator(lighting)
    assert estimator.properties == ("shading",)
    found = estimator(pictures)["shading"]
    pipe = MarigoldIntrinsicsPipeline.from_pretrained(lighting)
    for picture, of in zip(pictures, found, strict=True):
        expected = own(pipe, picture)[TARGETS.index("shading")].mean(0)
        torch.testing.assert_close(of, expected, atol=1e-4, rtol=1e-4)


def test_both_at_once(depth: Path, lighting: Path, pictures: torch.Tensor) -> None:
    assert set(load_estimator(f"{depth},{lighting}")(pictures)) == {"depth", "shading"}


def test_what_is_wrong_is_said(depth: Path, lighting: Path, tmp_path: Path) -> None:
    weights = depth / "unet" / "diffusion_pytorch_model.safetensors"
    sound = weights.read_bytes()
    weights.write_bytes(sound[:1000])
    try:
        with pytest.raises(UnderpaintingError, match=r"'marigold' in .* cannot be loaded"):
            load_estimator(depth)
    finally:
        weights.write_bytes(sound)
    pipe = MarigoldIntrinsicsPipeline.from_pretrained(lighting)
    pipe.register_to_config(target_properties={"target_names": ["albedo"]})
    pipe.save_pretrained(tmp_path / "albedo")
    with pytest.raises(UnderpaintingError, match="of albedo: it gives neither depth nor shading"):
        load_estimator(tmp_path / "albedo")
    for name in ("marigold-depth", "marigold-lighting"):
        with pytest.raises(UnderpaintingError, match=rf"{name} is not here .*hf download prs-eth"):
            load_estimator(name)
