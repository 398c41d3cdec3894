"""Denoisings that begin with given latents, at any step, against diffusers' own image-to-image pipeline."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline

from tests.pipeline.diffusion.stepping import step_calls, use_several
from tests.pipeline.families import lumina, stable_diffusion_3
from underpainting.diffusion import Begin, Model, StepRecord, Watching, attach
from underpainting.diffusion.begin import Larger
from underpainting.diffusion.still import Still, white_noise
from underpainting.errors import UnderpaintingError

PROMPTS, SEEDS, STEPS = ["a blue mug", "an orange armchair"], [3, 11], 5
CLEAN = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
NOISE = white_noise(CLEAN, SEEDS)
NOISED = Still(CLEAN, NOISE).at


@pytest.mark.parametrize("scheduler", ["ddim", "euler", "heun", "dpm++"])
@pytest.mark.parametrize("first", [2, 4, 5])
def test_noised_latents_are_denoised_as_image_to_image_does(model: Model, scheduler: str, first: int) -> None:
    model.use_scheduler(scheduler)
    other = StableDiffusionImg2ImgPipeline(**model.pipe.components, requires_safety_checker=False)
    other.set_progress_bar_config(disable=True)
    remaining = STEPS - first + 1
    wanted = other(
        PROMPTS,
        image=CLEAN,
        strength=(remaining + 0.5) / STEPS,
        num_inference_steps=STEPS,
        generator=[torch.Generator().manual_seed(seed) for seed in SEEDS],
        output_type="latent",
    ).images
    made = model.run(PROMPTS, SEEDS, Watching(begin=Begin(NOISED, first)), steps=STEPS)
    torch.testing.assert_close(made.latents, wanted, atol=1e-4, rtol=1e-4)
    assert made.evaluations == (2 * remaining - 1 if scheduler == "heun" else remaining)


def test_linear_multistep_begins_with_one_derivative(model: Model) -> None:
    """Each step integrates the polynomial through the derivatives seen so far, and through no others."""
    model.use_scheduler("lms")
    fresh = type(model.pipe.scheduler).from_config(model.pipe.scheduler.config)
    fresh.set_timesteps(STEPS)
    calls, first = step_calls(model.pipe.scheduler), 2
    made = model.run(PROMPTS, SEEDS, Watching(begin=Begin(NOISED, first)), steps=STEPS)
    assert [float(call.timestep) for call in calls] == fresh.timesteps[first - 1 :].tolist()
    sigmas = fresh.sigmas[first - 1 :].double().numpy()
    torch.testing.assert_close(calls[0].sample, CLEAN + float(sigmas[0]) * NOISE)
    after = [*(call.sample for call in calls[1:]), made.latents]
    for step, call in enumerate(calls):
        seen = range(max(0, step - 3), step + 1)
        moved = torch.zeros_like(CLEAN)
        for mine in seen:
            through = np.poly1d([1.0])
            for other in set(seen) - {mine}:
                through *= np.poly1d([1, -sigmas[other]]) / (sigmas[mine] - sigmas[other])
            area = through.integ()
            moved += float(area(sigmas[step + 1]) - area(sigmas[step])) * calls[mine].output
        torch.testing.assert_close(after[step], call.sample + moved, atol=1e-3, rtol=1e-3)


def test_pndm_begins_with_its_first_step_done_twice(model: Model) -> None:
    use_several(model, "pndm")
    calls = step_calls(model.pipe.scheduler)
    records: list[StepRecord] = []
    watching = Watching(begin=Begin(NOISED, 3), on_step=records.append)
    made = model.run(PROMPTS, SEEDS, watching, steps=STEPS)
    whole = type(model.pipe.scheduler).from_config(model.pipe.scheduler.config)
    whole.set_timesteps(STEPS)
    third, fourth, fifth = whole.timesteps[3:].tolist()
    assert [int(call.timestep) for call in calls] == [third, fourth, fourth, fifth]
    assert [record.step for record in records] == [3, 4, 5] and made.evaluations == 4
    use_several(model, "pndm, runge kutta")
    with pytest.raises(UnderpaintingError, match="can only begin at step 1"):
        model.run(PROMPTS, SEEDS, watching, steps=STEPS)


@pytest.mark.parametrize("scheduler", ["lms", "euler", "ddim", "pndm"])
def test_the_seeds_own_noise_given_is_the_same_denoising(model: Model, scheduler: str) -> None:
    model.use_scheduler(scheduler)
    wanted = model.denoise(PROMPTS, SEEDS, steps=3)
    made = model.run(PROMPTS, [0, 0], Watching(begin=Begin(NOISE)), steps=3)
    assert torch.equal(made.latents, wanted.latents) and made.evaluations == wanted.evaluations


def test_what_was_begun_late_leaves_no_trace(model: Model) -> None:
    wanted = model.denoise(PROMPTS, SEEDS, steps=3).latents
    model.run(PROMPTS, SEEDS, Watching(begin=Begin(NOISED, 2)), steps=3)
    assert torch.equal(model.denoise(PROMPTS, SEEDS, steps=3).latents, wanted)
    assert "set_timesteps" not in vars(model.pipe.scheduler)


@pytest.mark.parametrize("scheduler", ["lms", "heun"])
def test_latents_are_changed_once_after_each_step(model: Model, scheduler: str) -> None:
    model.use_scheduler(scheduler)
    begins: dict[int, torch.Tensor] = {}
    given: dict[int, torch.Tensor] = {}

    def after_step(step: int, latents: torch.Tensor) -> torch.Tensor:
        given[step] = latents + step
        return given[step]

    watching = Watching(after_step=after_step, on_step=lambda of: begins.update({of.step: of.latents}))
    made = model.run(PROMPTS, SEEDS, watching, steps=3)
    assert list(given) == [1, 2, 3] and torch.equal(made.latents, given[3])
    assert all(torch.equal(begins[step + 1], given[step]) for step in (1, 2))


@pytest.mark.parametrize("scheduler", ["euler", "dpm++"])
def test_larger_steps_are_those_of_the_timesteps_that_are_left(model: Model, scheduler: str) -> None:
    """As the pipeline makes them of timesteps that it is given."""
    model.use_scheduler(scheduler)
    model.pipe.scheduler.set_timesteps(10)
    left = model.pipe.scheduler.timesteps[[0, 1, 2, 4, 6, 8]].int().tolist()
    wanted = model.pipe(
        PROMPTS,
        timesteps=left,
        generator=[torch.Generator().manual_seed(seed) for seed in SEEDS],
        output_type="latent",
    ).images
    records: list[StepRecord] = []
    made = model.run(PROMPTS, SEEDS, Watching(larger=Larger(2), on_step=records.append), steps=10)
    torch.testing.assert_close(made.latents, wanted, atol=1e-3, rtol=1e-3)
    assert [record.step for record in records] == [1, 2, 3, 5, 7, 9] and made.evaluations == 6
    assert [int(record.timestep) for record in records] == left
    assert not vars(model.pipe.scheduler).keys() & {"set_timesteps", "step"}


@pytest.mark.parametrize("scheduler", ["lms", "unipc"])
def test_larger_steps_go_on_from_where_small_ones_stopped(model: Model, scheduler: str) -> None:
    model.use_scheduler(scheduler)
    larger = Larger(3, stride=3)
    wanted = model.run(PROMPTS, SEEDS, Watching(larger=larger), steps=8)
    stopped = model.run(PROMPTS, SEEDS, Watching(stop_after=3), steps=8).paused
    made = model.run(PROMPTS, SEEDS, Watching(resume=stopped, larger=larger), steps=8)
    assert torch.equal(made.latents, wanted.latents)
    assert (wanted.evaluations, made.evaluations) == (5, 2)
    assert not torch.equal(made.latents, model.denoise(PROMPTS, SEEDS, steps=8).latents)


@pytest.mark.parametrize("scheduler", ["heun", "ddim", "pndm"])
def test_schedulers_of_steps_of_one_size_make_no_larger_ones(model: Model, scheduler: str) -> None:
    model.use_scheduler(scheduler)
    with pytest.raises(UnderpaintingError, match="cannot make larger steps: use a scheduler of one eval"):
        model.run(PROMPTS, SEEDS, Watching(larger=Larger(2)), steps=6)


def test_a_first_step_that_is_none_is_refused(model: Model) -> None:
    for step in (0, 4):
        with pytest.raises(UnderpaintingError, match=f"the first step is {step}: give a step from 1 to 3"):
            model.run(PROMPTS, SEEDS, Watching(begin=Begin(NOISED, step)), steps=3)


@pytest.mark.parametrize("make", [stable_diffusion_3, lumina])
def test_a_flow_begins_at_its_own_level(make: Callable[[Path], Any], tmp_path: Path) -> None:
    torch.manual_seed(1)
    pipe = make(tmp_path)
    pipe.set_progress_bar_config(disable=True)
    model, steps = attach(pipe), 4
    shape = model.denoise(PROMPTS, SEEDS, steps=1).latents.shape
    clean, noise = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    whole: list[StepRecord] = []
    model.denoise(PROMPTS, SEEDS, steps=steps, on_step=whole.append)
    records: list[StepRecord] = []
    watching = Watching(begin=Begin(Still(clean, noise).at, 3), on_step=records.append)
    made = model.run(PROMPTS, SEEDS, watching, steps=steps)
    assert [record.timestep for record in records] == [record.timestep for record in whole[2:]]
    sigma = whole[2].sigma
    torch.testing.assert_close(records[0].latents, (1 - sigma) * clean + sigma * noise)
    assert made.evaluations == 2 and made.latents.isfinite().all()
