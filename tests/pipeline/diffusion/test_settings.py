"""What users do to a pipeline does not change what is watched, or is refused before anything runs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import cpu_offload
from diffusers import StableDiffusionPipeline

from tests.pipeline.conftest import tiny_pipeline
from underpainting.diffusion import Model, attach

PROMPTS, SEEDS, LAYERS = ["a blue mug", "an orange"], [3, 11], ["down.0.0", "mid.0", "up.3.2"]


@pytest.fixture
def own(tmp_path: Path) -> StableDiffusionPipeline:
    """A pipeline that the test may change."""
    return tiny_pipeline(tmp_path)


def watched(model: Model) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Final latents, and the last step's conditional activations."""
    kept: dict[str, torch.Tensor] = {}
    made = model.denoise(
        *(PROMPTS, SEEDS),
        steps=3,
        watch=LAYERS,
        on_step=lambda record: kept.update(
            {k: v["conditional"].clone() for k, v in record.activations.items()}
        ),
    )
    return made.latents, kept


def bare(pipe: StableDiffusionPipeline) -> torch.Tensor:
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in SEEDS]
    return pipe(PROMPTS, num_inference_steps=3, generator=generators, output_type="latent").images


SETTINGS: dict[str, Callable[[Any], Any]] = {
    "attention slicing": lambda pipe: pipe.enable_attention_slicing(1),
    "autoencoder slicing": lambda pipe: pipe.vae.enable_slicing(),
    "fused projections": lambda pipe: pipe.fuse_qkv_projections(),
    "channels last": lambda pipe: pipe.unet.to(memory_format=torch.channels_last),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_ways_of_computing_leave_the_layers_what_they_are(own: StableDiffusionPipeline, name: str) -> None:
    latents, before = watched(attach(own))
    SETTINGS[name](own)
    expected = bare(own)
    again, after = watched(attach(own))
    assert torch.equal(again, expected)
    torch.testing.assert_close(again, latents, atol=1e-4, rtol=1e-4)
    for layer in LAYERS:
        torch.testing.assert_close(after[layer], before[layer], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_the_pipelines_own(own: StableDiffusionPipeline, dtype: torch.dtype) -> None:
    own.to(dtype=dtype)
    latents, kept = watched(attach(own))
    assert torch.equal(latents, bare(own))
    assert {act.dtype for act in kept.values()} == {dtype}


def test_offloaded_weights_are_watched(own: StableDiffusionPipeline) -> None:
    """As accelerate offloads them to the CPU: every module's weights come when it is called, and go."""
    latents, before = watched(attach(own))
    cpu_offload(own.unet, execution_device=torch.device("cpu"))
    assert next(own.unet.parameters()).device.type == "meta"
    again, after = watched(attach(own))
    assert torch.equal(again, bare(own)) and torch.equal(again, latents)
    assert all(torch.equal(after[layer], before[layer]) for layer in LAYERS)


@pytest.fixture
def lora(own: StableDiffusionPipeline) -> Iterator[StableDiffusionPipeline]:
    """The pipeline with low-rank changes of its attention, none of them nothing."""
    peft = pytest.importorskip("peft")
    torch.manual_seed(4)
    own.unet.add_adapter(peft.LoraConfig(r=2, target_modules=["to_q", "to_v", "to_out.0"]))
    with torch.no_grad():
        for name, weight in own.unet.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.5)
    yield own


def test_lora_weights_are_studied_like_any_model(lora: StableDiffusionPipeline) -> None:
    model = attach(lora)
    assert len(model.layers) == 16
    latents, kept = watched(model)
    assert torch.equal(latents, bare(lora))
    lora.unet.disable_adapters()
    without, other = watched(attach(lora))
    assert not torch.allclose(latents, without)
    assert all(not torch.allclose(kept[layer], other[layer]) for layer in LAYERS)
