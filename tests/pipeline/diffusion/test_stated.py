"""Layers that are stated; and other picture sizes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline

from tests.pipeline.families import latent_consistency, stable_diffusion_3
from underpainting.diffusion import Evaluation, Model, StepRecord, attach
from underpainting.errors import UnderpaintingError

PROMPTS, SEEDS = ["a blue mug", "an orange"], [3, 11]
JOINT = "transformer_blocks.0.attn.to_out.0"
DEEPEST = "mid_block.attentions.0.transformer_blocks.0.attn1"


@pytest.fixture
def made(tmp_path: Path) -> Callable[[Callable[[Path], Any]], Model]:
    def make(family: Callable[[Path], Any]) -> Model:
        torch.manual_seed(1)
        pipe = family(tmp_path)
        pipe.set_progress_bar_config(disable=True)
        return attach(pipe)

    return make


def bare(model: Model, guidance_scale: float, **more: Any) -> torch.Tensor:
    return model.pipe(
        PROMPTS,
        num_inference_steps=3,
        guidance_scale=guidance_scale,
        generator=[torch.Generator("cpu").manual_seed(seed) for seed in SEEDS],
        **{"output_type": "latent", **more},
    ).images


@pytest.mark.parametrize("guidance_scale", [4.0, 1.0])
@pytest.mark.parametrize(("size", "grid"), [((32, 32), (8, 8)), ((32, 48), (8, 12))])
def test_joint_attention_of_a_flow(
    made: Any, guidance_scale: float, size: tuple[int, int], grid: tuple[int, int]
) -> None:
    model = made(stable_diffusion_3)
    expected = bare(model, guidance_scale, height=size[0], width=size[1])
    branches = ("conditional", "unconditional") if guidance_scale > 1 else ("conditional",)
    seen: list[StepRecord] = []
    result = model.denoise(
        *(PROMPTS, SEEDS),
        steps=3,
        guidance_scale=guidance_scale,
        watch=[f"{JOINT}@{grid[0]}x{grid[1]}x16"],
        branches=branches,
        on_step=seen.append,
        height=size[0],
        width=size[1],
    )
    assert torch.equal(result.latents, expected)
    for branch in branches:
        assert seen[-1].activations[JOINT][branch].shape == (2, grid[0] * grid[1], 16)
    for record in seen:  # x = (1 - sigma) clean + sigma noise, and the network says noise - clean
        noise = record.predicted_clean + record.network_output.float()
        mixed = (1 - record.sigma) * record.predicted_clean + record.sigma * noise
        torch.testing.assert_close(mixed, record.latents.float(), atol=1e-5, rtol=1e-5)
    if guidance_scale > 1:
        found = model.decode(bare(model, guidance_scale))
        torch.testing.assert_close(found, bare(model, guidance_scale, output_type="pt").float())


def test_one_branch_where_guidance_is_an_input(made: Any) -> None:
    model = made(latent_consistency)
    expected = bare(model, 4.0)
    seen: list[torch.Tensor] = []

    def keep(name: str, evaluation: Evaluation, x: torch.Tensor) -> torch.Tensor:
        seen.append(x.clone())
        return x

    watch = [f"{DEEPEST}@2x2x24"]
    result = model.denoise(PROMPTS, SEEDS, steps=3, guidance_scale=4.0, watch=watch, edit=keep)
    assert torch.equal(result.latents, expected)
    assert [tuple(x.shape) for x in seen] == [(2, 4, 24)] * 3
    with pytest.raises(UnderpaintingError, match="unconditional does not exist"):
        model.denoise(PROMPTS, SEEDS, guidance_scale=4.0, watch=watch, branches=("unconditional",))


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (f"{JOINT}@4x4x16", r"gave \[row, token, channel\] = \[4, 64, 16\], .* says \[4, 16, 16\]"),
        ("nowhere@8x8x16", "no module nowhere"),
        ("time_text_embed@8x8x16", "does not give one tensor"),
    ],
)
def test_what_is_stated_wrongly_is_said(made: Any, layer: str, words: str) -> None:
    model = made(stable_diffusion_3)
    with pytest.raises(UnderpaintingError, match=words):
        model.denoise(PROMPTS, SEEDS, steps=2, watch=[layer], on_step=lambda record: None)


def test_pipelines_that_take_pictures_are_refused(pipe: StableDiffusionPipeline) -> None:
    other = StableDiffusionImg2ImgPipeline(**pipe.components, requires_safety_checker=False)
    with pytest.raises(UnderpaintingError, match="no adapter for StableDiffusionImg2ImgPipeline"):
        attach(other)


def test_a_flow_keeps_its_scheduler(made: Any) -> None:
    model = made(stable_diffusion_3)
    with pytest.raises(UnderpaintingError, match="lms does not fit this model's network"):
        model.use_scheduler("lms")
    assert model.use_scheduler("pipeline").scheduler_name == "FlowMatchEulerDiscreteScheduler"


def test_layers_can_be_stated_of_known_families_too(model: Model) -> None:
    known = next(layer for layer in model.layers if layer.name == "mid.0")
    stated = model.resolve([f"{known.path}@{known.grid[0]}x{known.grid[1]}x{known.channels}"])[0]
    assert (stated.path, stated.grid, stated.channels) == (known.path, known.grid, known.channels)
    assert stated.name == known.name  # so that it is found again when it is given back
    assert model.resolve([stated]) == (stated,)


def test_a_model_of_another_size(model: Model) -> None:
    wide = model.of_size(None, 48)
    assert (model.size, wide.size) == ((32, 32), (32, 48))
    assert {layer.grid for layer in wide.layers} == {(h, h * 3 // 2) for h in (16, 8, 4, 2)}
    expected = model.denoise(["a mug"], [1], steps=2, height=32, width=48).latents
    assert torch.equal(wide.denoise(["a mug"], [1], steps=2).latents, expected)
    with pytest.raises(UnderpaintingError, match="size 32 x 50: give a height and width that 8 divides"):
        model.of_size(None, 50)
