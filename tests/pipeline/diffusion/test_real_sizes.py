"""Models of today at their own size, from published configurations, without weights: what a study costs."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from tests.pipeline.conftest import tiny_tokenizer
from tests.pipeline.families import three_encoders
from tests.pipeline.parts import shifted, speaker, text_config
from tests.pipeline.study.conftest import LightEstimator, tiny_config, tiny_rows
from underpainting.diffusion import Model, attach
from underpainting.probes import moments_bytes
from underpainting.study.environment import load_study
from underpainting.study.estimate import estimate
from underpainting.study.request.presets import PRESETS
from underpainting.study.study import create_study

CONFIGS = Path(__file__).parents[1] / "configs"
FOUR = {
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (8,) * 4,
    "norm_num_groups": 4,
}


def sdxl(folder: Path, unet: Any) -> Any:
    tokenizer = tiny_tokenizer(folder)
    with torch.device("cpu"):
        scheduler = diffusers.EulerDiscreteScheduler()
    return diffusers.StableDiffusionXLPipeline(
        vae=diffusers.AutoencoderKL(**FOUR, latent_channels=4),
        text_encoder=CLIPTextModel(text_config(768, len(tokenizer))),
        text_encoder_2=CLIPTextModelWithProjection(text_config(1280, len(tokenizer))),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=scheduler,
    )


def sd35(folder: Path, transformer: Any) -> Any:
    return diffusers.StableDiffusion3Pipeline(
        **three_encoders(folder, (768, 1280), 4096),
        transformer=transformer,
        scheduler=shifted(),
        vae=diffusers.AutoencoderKL(**FOUR, latent_channels=16),
    )


def flux2(folder: Path, transformer: Any) -> Any:
    return diffusers.Flux2Pipeline(
        **speaker(folder, width=5120, layers=31),
        transformer=transformer,
        scheduler=shifted(),
        vae=diffusers.AutoencoderKLFlux2(**FOUR, layers_per_block=1),
    )


def qwen(folder: Path, transformer: Any) -> Any:
    return diffusers.QwenImagePipeline(
        **speaker(folder, width=3584),
        transformer=transformer,
        scheduler=shifted(),
        vae=diffusers.AutoencoderKLQwenImage(base_dim=4),
    )


SIZES: dict[str, tuple[Callable[[Path, Any], Any], dict[tuple[int, int], int], float]] = {
    "sdxl": (sdxl, {(64, 640): 10, (32, 1280): 60}, 2.567e9),
    "sd35": (sd35, {(64, 2432): 38}, 8.06e9),
    "flux2": (flux2, {(64, 6144): 56}, 32.2e9),
    "qwen": (qwen, {(64, 3072): 60}, 20.4e9),
}


def of_size(name: str, folder: Path) -> Model:
    """A model of the published size of whose networks none has weights."""
    config = json.loads((CONFIGS / f"{name}.json").read_text())
    with torch.device("meta"):
        return attach(SIZES[name][0](folder, getattr(diffusers, config["_class_name"]).from_config(config)))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Model]:
    """Each model of its size, built once."""
    return cache(lambda name: of_size(name, tmp_path_factory.mktemp(name) / "words"))


@pytest.mark.parametrize(
    ("layers", "every", "fine", "coarse", "gigabytes"),
    [
        (PRESETS["sdxl"].settings["watch"]["layers"], 1, 10, 6, 3.4),
        (("*.0",), 1, 5, 6, 2.9),
        (("self-attention",), 1, 10, 60, 24.8),
        (("self-attention",), 10, 1, 6, 2.5),
        (("up.0.*",), 5, 0, 6, 2.4),
    ],
)
def test_layers_of_sdxl_that_the_page_of_one_gpu_names(
    layers: tuple[str, ...],
    every: int,
    fine: int,
    coarse: int,
    gigabytes: float,
    models: Callable[[str], Model],
) -> None:
    """On the finer grid and on the coarser one; their moments at 30 steps, of two properties and twins."""
    chosen = models("sdxl").resolve(layers, every_nth_block=every)
    sides = [layer.grid[0] for layer in chosen]
    assert (sides.count(64), sides.count(32), len(sides)) == (fine, coarse, fine + coarse)
    told = 30 * sum(moments_bytes(layer.channels, 4) for layer in chosen) / 1e9
    assert round(told, 1) == gigabytes


@pytest.mark.parametrize("name", SIZES)
def test_what_a_study_costs_is_told_without_weights(
    name: str, tmp_path: Path, models: Callable[[str], Model]
) -> None:
    _, wanted, weights = SIZES[name]
    model = models(name)
    assert model.size == (1024, 1024)
    counts: dict[tuple[int, int], int] = {}
    for layer in model.layers:
        assert layer.grid[0] == layer.grid[1]
        counts[layer.grid[0], layer.channels] = counts.get((layer.grid[0], layer.channels), 0) + 1
    assert counts == wanted
    denoiser = model.adapter.denoiser(model.pipe)
    assert sum(of.numel() for of in denoiser.parameters()) == pytest.approx(weights, rel=0.01)
    plain = tiny_config(Path("real"))
    watch = plain.watch.model_copy(update={"layers": ("self-attention",), "branches": ("conditional",)})
    settings = plain.model.model_copy(update={"scheduler": "pipeline", "steps": 30})
    config = plain.model_copy(update={"watch": watch, "model": settings})
    study = create_study(tmp_path / "study", config, tiny_rows())
    cost = estimate(study, load_study(config, model, LightEstimator()), measure_time=False)
    places = [(rows**2, channels) for (rows, channels), n in wanted.items() for _ in range(n)]
    moments = 30 * sum(moments_bytes(channels, 6) for _, channels in places)
    means = 30 * 8 * sum(tokens * channels for tokens, channels in places)
    held = 2 * 30 * 4 * sum(tokens * channels for tokens, channels in places)  # float32, batches of two
    assert (cost.layers, cost.steps, cost.evaluations) == (sum(wanted.values()), 30, 30 * len(study.rows))
    assert cost.moments_bytes >= moments and cost.totals_bytes >= moments + means
    assert cost.gpu_bytes is None and cost.host_bytes >= 2 * (moments + means) + held
    assert cost.written_bytes >= cost.stay_bytes + cost.totals_bytes
