"""Looking on changes nothing: final latents are bit-equal to the bare pipeline's."""

import pytest
import torch
from diffusers import PNDMScheduler, StableDiffusionPipeline

from underpainting.diffusion import Model, StepRecord

PROMPTS = ["a blue mug", "an orange armchair"]
SEEDS = [3, 11]


def bare(pipe: StableDiffusionPipeline, steps: int, guidance_scale: float = 7.5) -> torch.Tensor:
    """The pipeline's own call, without any of our code."""
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in SEEDS]
    return pipe(
        PROMPTS,
        num_inference_steps=steps,
        guidance_scale=guidance_scale,
        generator=generators,
        output_type="latent",
    ).images


@pytest.mark.parametrize(
    ("scheduler", "guidance_scale"),
    [
        *((name, 7.5) for name in ("lms", "ddim", "euler", "dpm++", "pndm", "heun")),
        ("lms", 1.0),
        ("ddim", 1.0),
    ],
)
def test_watched_unwatched_and_bare_are_bit_equal(
    model: Model, scheduler: str, guidance_scale: float
) -> None:
    model.use_scheduler(scheduler)
    expected = bare(model.pipe, 5, guidance_scale)
    records: list[StepRecord] = []
    unwatched = model.denoise(PROMPTS, SEEDS, steps=5, guidance_scale=guidance_scale)
    watched = model.denoise(
        PROMPTS,
        SEEDS,
        steps=5,
        guidance_scale=guidance_scale,
        watch=["self-attention"],
        branches=("conditional", "unconditional") if guidance_scale > 1 else ("conditional",),
        on_step=records.append,
    )
    assert expected.std() > 0 and expected.isfinite().all()
    assert torch.equal(unwatched.latents, expected)
    assert torch.equal(watched.latents, expected)
    assert [record.step for record in records] == [1, 2, 3, 4, 5]
    assert watched.evaluations == unwatched.evaluations
    assert all(len(record.activations) == 16 for record in records)


@pytest.mark.parametrize(
    ("scheduler", "evaluations", "first"),
    [
        ("lms", 15, list(range(15))),
        ("pndm", 16, [0, *range(2, 16)]),
        ("heun", 29, list(range(0, 29, 2))),
    ],
)
def test_each_step_is_recorded_once_at_its_first_evaluation(
    model: Model, scheduler: str, evaluations: int, first: list[int]
) -> None:
    model.use_scheduler(scheduler)
    records: list[StepRecord] = []
    done = model.denoise(["a mug"], [1], steps=15, on_step=records.append)
    assert done.evaluations == evaluations
    assert [record.step for record in records] == list(range(1, 16))
    assert [record.evaluation for record in records] == first


def test_runge_kutta_start_of_pndm_spends_four_evaluations_on_each_of_three_steps(model: Model) -> None:
    model.pipe.scheduler = PNDMScheduler.from_config(model.pipe.scheduler.config, skip_prk_steps=False)
    records: list[StepRecord] = []
    model.denoise(["a mug"], [1], steps=6, on_step=records.append)
    assert [record.step for record in records] == [1, 2, 3, 4, 5, 6]
    assert [record.evaluation for record in records] == [0, 4, 8, 12, 13, 14]


def test_sliced_attention_is_watched_alike(model: Model) -> None:
    whole: list[StepRecord] = []
    model.denoise(PROMPTS, SEEDS, steps=2, watch=["self-attention"], on_step=whole.append)
    model.pipe.enable_attention_slicing(1)
    expected = bare(model.pipe, 2)
    sliced: list[StepRecord] = []
    done = model.denoise(PROMPTS, SEEDS, steps=2, watch=["self-attention"], on_step=sliced.append)
    assert torch.equal(done.latents, expected)
    for name, branches in sliced[0].activations.items():
        torch.testing.assert_close(
            branches["conditional"], whole[0].activations[name]["conditional"], rtol=1e-3, atol=1e-4
        )


def test_each_picture_has_its_own_noise_whatever_the_batch(model: Model) -> None:
    batch: list[StepRecord] = []
    alone: list[StepRecord] = []
    both = model.denoise(PROMPTS, SEEDS, steps=2, on_step=batch.append)
    one = model.denoise(PROMPTS[1:], SEEDS[1:], steps=2, on_step=alone.append)
    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator("cpu").manual_seed(SEEDS[1]))
    assert torch.equal(batch[0].latents[1:], alone[0].latents)
    assert torch.equal(alone[0].latents, noise * model.pipe.scheduler.init_noise_sigma)
    torch.testing.assert_close(both.latents[1:], one.latents, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(both.latents[0], both.latents[1])


def test_denoising_leaves_the_global_random_state_alone(model: Model) -> None:
    state = torch.get_rng_state()
    model.denoise(["a mug"], [5], steps=2, watch=["self-attention"])
    assert torch.equal(torch.get_rng_state(), state)


def test_decode_gives_the_pipelines_picture(model: Model) -> None:
    done = model.denoise(PROMPTS, SEEDS, steps=2)
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in SEEDS]
    pictures = model.pipe(PROMPTS, num_inference_steps=2, generator=generators, output_type="pt").images
    assert torch.equal(model.decode(done.latents), pictures)
    assert pictures.shape == (2, 3, *model.size)


def test_pipeline_scheduler_comes_back(model: Model) -> None:
    own = model.pipe.scheduler
    assert model.use_scheduler("ddim").scheduler_name == "DDIMScheduler"
    assert model.pipe.scheduler.config.clip_sample is False
    model.use_scheduler("pipeline")
    assert model.pipe.scheduler is own
