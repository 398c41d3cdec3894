"""Looking at a given picture: the latents of every step against the schedulers' own noising."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    HeunDiscreteScheduler,
    LMSDiscreteScheduler,
    PNDMScheduler,
)

from tests.pipeline.diffusion.stepping import step_calls
from tests.pipeline.families import lumina, stable_diffusion_3
from underpainting.diffusion import Model, StepRecord, attach
from underpainting.errors import UnderpaintingError

SCHEDULERS = [
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    LMSDiscreteScheduler,
    PNDMScheduler,
]


def pictures() -> torch.Tensor:
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_step_sees_the_picture_as_the_scheduler_noises_it(model: Model, scheduler: type[Any]) -> None:
    model.pipe.scheduler = scheduler.from_config(model.pipe.scheduler.config)
    records: list[StepRecord] = []
    calls = step_calls(model.pipe.scheduler)
    model.look(pictures(), ["a lemon", "a mug"], [1, 2], steps=4, watch=["up.3.0"], on_step=records.append)
    clean = model.pipe.vae.encode(pictures() * 2 - 1).latent_dist.mean * model.pipe.vae.config.scaling_factor
    noise = torch.stack([torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(s)) for s in (1, 2)])
    fresh = scheduler.from_config(model.pipe.scheduler.config)
    fresh.set_timesteps(4)
    for call, timestep in zip(calls, fresh.timesteps, strict=True):
        noised = fresh.add_noise(clean, noise, timestep[None])
        torch.testing.assert_close(call.sample, noised.detach(), atol=1e-4, rtol=1e-4)
    assert [record.step for record in records] == [1, 2, 3, 4]
    for record in records:
        assert record.timestep == float(fresh.timesteps[record.evaluation])
        assert torch.equal(record.latents, calls[record.evaluation].sample)
    assert records[0].activations["up.3.0"]["conditional"].shape[:2] == (2, 256)


FLOWS = {
    "stable diffusion 3": (stable_diffusion_3, {}),
    "shifted": (stable_diffusion_3, {"shift": 3.0}),
    "shifted by the size": (stable_diffusion_3, {"use_dynamic_shifting": True}),
    "lumina": (lumina, {}),
}


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_sees_the_picture_mixed_as_its_scheduler_mixes(name: str, tmp_path: Path) -> None:
    make, settings = FLOWS[name]
    torch.manual_seed(1)
    pipe = make(tmp_path)
    pipe.scheduler = FlowMatchEulerDiscreteScheduler(**settings)
    pipe.set_progress_bar_config(disable=True)
    model = attach(pipe)
    calls = step_calls(pipe.scheduler)
    records: list[StepRecord] = []
    model.look(pictures(), ["a lemon", "a mug"], [1, 2], steps=4, on_step=records.append)
    clean = model.encode(pictures())
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    noise = torch.stack([torch.randn(clean.shape[1:], generator=own) for own in generators])
    assert pipe.scheduler.sigmas[0] == 1 and len(pipe.scheduler.sigmas) == 5
    for record, call, sigma in zip(records, calls, pipe.scheduler.sigmas, strict=False):
        mixed = (1 - sigma) * clean + sigma * noise
        torch.testing.assert_close(call.sample, mixed, atol=1e-5, rtol=1e-4)
        assert record.sigma == pytest.approx(float(sigma))
    assert [record.step for record in records] == [1, 2, 3, 4]


def test_looking_leaves_no_trace(model: Model) -> None:
    before = model.denoise(["a lemon"], [3], steps=3).latents
    model.look(pictures()[:1], ["a lemon"], [3], steps=3)
    assert torch.equal(model.denoise(["a lemon"], [3], steps=3).latents, before)


def test_what_is_decoded_is_encoded_back_to_where_the_autoencoder_would(model: Model) -> None:
    vae = model.pipe.vae
    wanted = vae.encode(pictures() * 2 - 1).latent_dist.mean * vae.config.scaling_factor
    torch.testing.assert_close(model.encode(pictures()), wanted)


@pytest.mark.parametrize("shape", [(2, 1, 32, 32), (3, 32, 32), (3, 3, 32, 32)])
def test_pictures_of_another_shape_are_refused(model: Model, shape: tuple[int, ...]) -> None:
    with pytest.raises(UnderpaintingError, match="give \\[picture, 3, height, width\\], one a prompt"):
        model.look(torch.rand(shape), ["a lemon", "a mug"], [1, 2], steps=2)
