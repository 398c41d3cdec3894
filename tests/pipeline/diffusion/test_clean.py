"""Predicted clean latents against what schedulers return, and against the formulas' own definition."""

from itertools import product
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2DiscreteScheduler,
    LMSDiscreteScheduler,
    PNDMScheduler,
    UniPCMultistepScheduler,
)

from tests.pipeline.diffusion.stepping import StepCall, step_calls
from underpainting.diffusion import Model, StepRecord
from underpainting.diffusion.clean import NoiseLevel, noise_level, predicted_clean
from underpainting.diffusion.schedulers import scheduler_named
from underpainting.errors import UnderpaintingError


def records_of(
    model: Model, scheduler: type[Any], prediction: str
) -> tuple[list[StepRecord], list[StepCall], Any]:
    """The records of a short run, its scheduler's calls, and an untouched scheduler of the same settings."""
    config = dict(model.pipe.scheduler.config)
    model.pipe.scheduler = scheduler.from_config(config, prediction_type=prediction, **unclipped(scheduler))
    records: list[StepRecord] = []
    calls = step_calls(model.pipe.scheduler)
    model.denoise(["a lemon", "a mug"], [1, 2], steps=5, on_step=records.append)
    fresh = scheduler.from_config(model.pipe.scheduler.config)
    fresh.set_timesteps(5)
    return records, calls, fresh


def unclipped(scheduler: type[Any]) -> dict[str, bool]:
    """DDIM clips unless told not to."""
    return {"clip_sample": False} if scheduler is DDIMScheduler else {}


PREDICTIONS = ("epsilon", "v_prediction", "sample")
RETURNING = (LMSDiscreteScheduler, EulerDiscreteScheduler, DDIMScheduler, HeunDiscreteScheduler)


@pytest.mark.parametrize(
    ("scheduler", "prediction"),
    [*product(RETURNING, PREDICTIONS), *product([KDPM2DiscreteScheduler], PREDICTIONS[:2])],
)
def test_agrees_with_what_the_scheduler_returns(model: Model, scheduler: type[Any], prediction: str) -> None:
    records, calls, fresh = records_of(model, scheduler, prediction)
    returned = []
    for call in calls:
        fresh.scale_model_input(call.sample, call.timestep)
        returned.append(fresh.step(*call).pred_original_sample)
    assert len(records) == 5
    for record in records:
        call = calls[record.evaluation]
        assert torch.equal(record.latents, call.sample) and torch.equal(record.network_output, call.output)
        assert record.timestep == pytest.approx(float(call.timestep))
        torch.testing.assert_close(record.predicted_clean, returned[record.evaluation], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scheduler", [LMSDiscreteScheduler, EulerDiscreteScheduler, DDIMScheduler])
def test_scaled_latents_are_what_the_network_is_given(model: Model, scheduler: type[Any]) -> None:
    given: list[torch.Tensor] = []
    hook = model.pipe.unet.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
    try:
        records, *_ = records_of(model, scheduler, "epsilon")
    finally:
        hook.remove()
    for record, sample in zip(records, given, strict=True):
        torch.testing.assert_close(record.latents / record.scale, sample[: len(record.latents)])


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("scheduler", [DPMSolverMultistepScheduler, UniPCMultistepScheduler])
def test_agrees_with_what_a_solver_converts_to(model: Model, scheduler: type[Any], prediction: str) -> None:
    records, _, fresh = records_of(model, scheduler, prediction)
    for record, timestep in zip(records, fresh.timesteps, strict=True):
        if fresh.step_index is None:
            fresh._init_step_index(timestep)
        converted = fresh.convert_model_output(record.network_output, sample=record.latents)
        torch.testing.assert_close(record.predicted_clean, converted, rtol=1e-4, atol=1e-5)
        fresh.step(record.network_output, timestep, record.latents)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_pndm_agrees_with_ddim_at_the_same_timestep(model: Model, prediction: str) -> None:
    records, _, fresh = records_of(model, PNDMScheduler, prediction)
    ddim = DDIMScheduler.from_config(fresh.config, clip_sample=False)
    ddim.set_timesteps(5)
    for record in records:
        returned = ddim.step(record.network_output, int(record.timestep), record.latents).pred_original_sample
        torch.testing.assert_close(record.predicted_clean, returned, rtol=1e-4, atol=1e-5)


MIXED = {  # by prediction, the mixtures that a network with it is given, in the share of the signal
    "epsilon": [(1.0, 0.02), (1.0, 0.9), (0.6, 0.8)],
    "v_prediction": [(1.0, 0.02), (1.0, 0.9), (0.6, 0.8), (0.0, 1.0)],
    "flow_prediction": [(0.98, 0.02), (0.1, 0.9), (0.0, 1.0)],
}


@pytest.mark.parametrize(("prediction", "mixed"), [(of, mix) for of, mixes in MIXED.items() for mix in mixes])
def test_a_perfect_network_gives_the_clean_latents(prediction: str, mixed: tuple[float, float]) -> None:
    signal, share = mixed
    clean, noise = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    unit = (signal**2 + share**2) ** 0.5
    output = {
        "epsilon": noise,
        "v_prediction": (signal * noise - share * clean) / unit,
        "flow_prediction": noise - clean,
    }[prediction]
    found = predicted_clean(NoiseLevel(signal, share, prediction), signal * clean + share * noise, output)
    torch.testing.assert_close(found, clean.float(), rtol=1e-4, atol=1e-5)


ZERO = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}


@pytest.mark.parametrize("scheduler", [DDIMScheduler, EulerDiscreteScheduler, DPMSolverMultistepScheduler])
def test_a_schedule_that_begins_at_pure_noise(model: Model, scheduler: type[Any]) -> None:
    config, settings = model.pipe.scheduler.config, {**ZERO, "prediction_type": "v_prediction"}
    model.pipe.scheduler = scheduler.from_config(config, **settings, **unclipped(scheduler))
    records: list[StepRecord] = []
    calls = step_calls(model.pipe.scheduler)
    model.denoise(["a lemon"], [1], steps=4, watch=["mid.0"], on_step=records.append)
    ddim = DDIMScheduler.from_config(config, **settings, clip_sample=False)
    ddim.set_timesteps(4)
    assert records[0].sigma > 1000 and ddim.alphas_cumprod[-1] == 0
    for record, call in zip(records, calls, strict=True):
        alone = call.sample / record.scale  # DDIM's latents have unit variance
        wanted = ddim.step(call.output, int(record.timestep), alone).pred_original_sample
        torch.testing.assert_close(record.predicted_clean, wanted, rtol=2e-3, atol=2e-3)
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    seen: list[StepRecord] = []
    model.look(picture, ["a lemon"], [1], steps=4, watch=["mid.0"], on_step=seen.append)
    noise = torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(seen[0].latents[0] / seen[0].scale, noise, rtol=1e-3, atol=1e-3)


def test_noise_predicted_of_pure_noise_points_to_no_picture(model: Model) -> None:
    model.pipe.scheduler = DDIMScheduler.from_config(model.pipe.scheduler.config, **ZERO, clip_sample=False)
    with pytest.raises(UnderpaintingError, match=r"begins at pure noise.*take rescale_betas_zero_snr off"):
        model.denoise(["a lemon"], [1], steps=4, on_step=lambda record: None)


@pytest.mark.parametrize("name", ["lms", "heun", "pndm"])
def test_a_scheduler_that_would_drop_the_pure_noise_is_refused(model: Model, name: str) -> None:
    own = DDIMScheduler.from_config(model.pipe.scheduler.config, **ZERO)
    with pytest.raises(UnderpaintingError, match=r"zero_snr.*give ddim, ddpm, euler, .*, pipeline"):
        scheduler_named(name, own)
    assert scheduler_named("euler", own).config.rescale_betas_zero_snr


def test_flow_schedulers_mix_as_the_formula_says() -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(4)
    clean, noise = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    for timestep in scheduler.timesteps:
        latents = scheduler.scale_noise(clean, timestep[None], noise)
        level = noise_level(scheduler, float(timestep))
        found = predicted_clean(level, latents, noise - clean)
        torch.testing.assert_close(found, clean, rtol=1e-4, atol=1e-5)
        scheduler.step(noise - clean, timestep, latents)
