"""Every family: layers and grids, bit-equality with the bare pipeline, branches, clean latents, pictures."""

from typing import Any

import pytest
import torch

from tests.pipeline.families import FAMILIES, PIXART_BLOCKS
from underpainting.diffusion import Model, StepRecord, attach

PROMPTS, SEEDS = ["a blue mug", "an orange"], [3, 11]
SIXTEEN = [
    *(f"down.{block}.{i}" for block in range(3) for i in range(2)),
    "mid.0",
    *(f"up.{block}.{i}" for block in (1, 2, 3) for i in range(3)),
]
STACKED = [
    *(f"down.{block}.{i}.{k}" for block, deep in ((1, 2), (2, 4)) for i in range(2) for k in range(deep)),
    *(f"mid.0.{k}" for k in range(4)),
    *(f"up.{block}.{i}.{k}" for block, deep in ((0, 4), (1, 2)) for i in range(3) for k in range(deep)),
]
NAMES = {
    "stable diffusion 1": SIXTEEN,
    "stable diffusion 2": SIXTEEN,
    "stable diffusion xl": STACKED,
    "pixart alpha": [f"block.{i}" for i in range(PIXART_BLOCKS)],
    "pixart sigma": [f"block.{i}" for i in range(PIXART_BLOCKS)],
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Model]:
    state = torch.get_rng_state()
    torch.manual_seed(1)
    pipe = FAMILIES[request.param](tmp_path_factory.mktemp("family"))
    torch.set_rng_state(state)
    pipe.set_progress_bar_config(disable=True)
    return request.param, attach(pipe)


def bare(model: Model, guidance_scale: float, size: tuple[int, int], **more: Any) -> torch.Tensor:
    """The pipeline's own call."""
    if "PixArt" in type(model.pipe).__name__:
        more["use_resolution_binning"] = False
    return model.pipe(
        PROMPTS,
        num_inference_steps=3,
        guidance_scale=guidance_scale,
        generator=[torch.Generator("cpu").manual_seed(seed) for seed in SEEDS],
        height=size[0],
        width=size[1],
        **{"output_type": "latent", **more},
    ).images


def test_layers_by_name(family: tuple[str, Model]) -> None:
    name, model = family
    assert [layer.name for layer in model.layers] == NAMES[name]
    assert model.size == (32, 32)


@pytest.mark.parametrize("guidance_scale", [4.0, 1.0])
@pytest.mark.parametrize("size", [(32, 32), (32, 48)])
def test_watching_changes_nothing_and_sees_every_layer(
    family: tuple[str, Model], guidance_scale: float, size: tuple[int, int]
) -> None:
    name, model = family
    expected = bare(model, guidance_scale, size)
    branches = ("conditional", "unconditional") if guidance_scale > 1 else ("conditional",)
    seen: list[StepRecord] = []
    made = model.denoise(
        *(PROMPTS, SEEDS),
        steps=3,
        guidance_scale=guidance_scale,
        watch=["self-attention"],
        branches=branches,
        on_step=seen.append,
        height=size[0],
        width=size[1],
    )
    assert expected.std() > 0 and torch.equal(made.latents, expected)
    assert [record.step for record in seen] == [1, 2, 3]
    layers = model.resolve(["self-attention"], height=size[0], width=size[1])
    assert [layer.name for layer in layers] == NAMES[name]
    for layer in layers:
        assert layer.grid[1] * size[0] == layer.grid[0] * size[1]  # of the picture's shape
        for branch in branches:
            act = seen[-1].activations[layer.name][branch]
            assert act.shape == (2, layer.grid[0] * layer.grid[1], layer.channels)


def test_the_conditional_branch_is_the_one_that_follows_the_prompt(family: tuple[str, Model]) -> None:
    name, model = family
    seen: dict[str, list[StepRecord]] = {}
    for prompt in ("a blue mug", "zzz"):
        seen[prompt] = []
        model.denoise(
            [prompt],
            [3],
            steps=2,
            guidance_scale=4.0,
            watch=["self-attention"],
            branches=("conditional", "unconditional"),
            on_step=seen[prompt].append,
            stop_after=1,
        )
    last = NAMES[name][-1]
    one, other = (seen[prompt][0].activations[last] for prompt in seen)
    assert torch.allclose(one["unconditional"], other["unconditional"], atol=1e-5)
    assert not torch.allclose(one["conditional"], other["conditional"], atol=1e-4)


def test_clean_latents_are_those_of_the_schedulers_prediction(family: tuple[str, Model]) -> None:
    """At each step the latents are clean latents plus noise, mixed as the scheduler would mix them."""
    _, model = family
    seen: list[StepRecord] = []
    model.denoise(PROMPTS, SEEDS, steps=3, guidance_scale=4.0, on_step=seen.append)
    scheduler = model.pipe.scheduler
    for record in seen:
        sigma, out = record.sigma, record.network_output.float()
        x = record.latents.float()
        unit = x / (1 + sigma**2) ** 0.5 if record.scale > 1 else x  # of the variance preserving kind
        alpha, beta = 1 / (1 + sigma**2) ** 0.5, sigma / (1 + sigma**2) ** 0.5
        v = scheduler.config.prediction_type == "v_prediction"
        clean = alpha * unit - beta * out if v else (unit - beta * out) / alpha
        torch.testing.assert_close(record.predicted_clean, clean, atol=2e-4, rtol=2e-4)


def test_pictures_are_the_pipelines_own(family: tuple[str, Model]) -> None:
    _, model = family
    expected = bare(model, 4.0, (32, 32), output_type="pt")
    found = model.decode(model.denoise(PROMPTS, SEEDS, steps=3, guidance_scale=4.0).latents)
    torch.testing.assert_close(found, expected.float(), atol=1e-5, rtol=1e-4)
