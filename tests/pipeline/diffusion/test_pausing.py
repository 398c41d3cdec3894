"""What goes on from where it stopped: which pictures, what is refused. Equality is in `test_schedulers`."""

import pytest
import torch

from underpainting.diffusion import Model, Paused, Watching, paused_together
from underpainting.errors import UnderpaintingError

PROMPTS, SEEDS, STEPS = ["a blue mug", "an orange", "a lemon"], [3, 11, 5], 4


@pytest.fixture
def paused(model: Model) -> Paused:
    """Three pictures stopped after two steps."""
    of = model.denoise(PROMPTS, SEEDS, steps=STEPS, stop_after=2).paused
    assert of is not None
    return of


def test_pictures_of_several_batches_go_on_as_one(model: Model, paused: Paused) -> None:
    joined = paused_together([paused.pick([2]), paused.pick([0])])
    assert torch.equal(joined.outputs, paused.outputs[[2, 0]])
    made = model.denoise([PROMPTS[2], PROMPTS[0]], [SEEDS[2], SEEDS[0]], steps=STEPS, resume=joined)
    whole = model.denoise(PROMPTS, SEEDS, steps=STEPS).latents
    torch.testing.assert_close(made.latents, whole[[2, 0]], rtol=1e-4, atol=1e-4)
    assert made.evaluations == STEPS - 2 and made.paused is None


def test_changed_latents_are_changed_again(model: Model) -> None:
    """By a function of the step and of the latents, as an edit between steps is."""

    def watching(**more: object) -> Watching:
        return Watching(after_step=lambda step, latents: latents * (1 + step / 10), **more)  # type: ignore[arg-type]

    whole = model.run(PROMPTS, SEEDS, watching(), steps=STEPS).latents
    stopped = model.run(PROMPTS, SEEDS, watching(stop_after=2), steps=STEPS).paused
    assert torch.equal(model.run(PROMPTS, SEEDS, watching(resume=stopped), steps=STEPS).latents, whole)


def test_edited_activations_need_no_edit_again(model: Model) -> None:
    edit = {"watch": ["mid.0"], "edit": lambda name, evaluation, x: x + 3.0 * (evaluation.step <= 2)}
    whole = model.denoise(PROMPTS, SEEDS, steps=STEPS, **edit).latents  # type: ignore[arg-type]
    stopped = model.denoise(PROMPTS, SEEDS, steps=STEPS, stop_after=2, **edit).paused  # type: ignore[arg-type]
    assert not torch.equal(whole, model.denoise(PROMPTS, SEEDS, steps=STEPS).latents)
    assert torch.equal(model.denoise(PROMPTS, SEEDS, steps=STEPS, resume=stopped).latents, whole)


def test_nothing_is_left_of_it(model: Model, paused: Paused) -> None:
    whole = model.denoise(PROMPTS, SEEDS, steps=STEPS).latents
    network = model.adapter.denoiser(model.pipe)
    model.denoise(PROMPTS, SEEDS, steps=STEPS, resume=paused)
    assert model.adapter.denoiser(model.pipe) is network and "step" not in vars(model.pipe.scheduler)
    assert torch.equal(model.denoise(PROMPTS, SEEDS, steps=STEPS).latents, whole)


def test_what_cannot_go_on_is_refused(model: Model, paused: Paused) -> None:
    with pytest.raises(UnderpaintingError, match="3 pictures were stopped and 2 are to go on"):
        model.denoise(PROMPTS[:2], SEEDS[:2], steps=STEPS, resume=paused)
    with pytest.raises(UnderpaintingError, match="stop_after is 2: give a step from 3 to 4"):
        model.denoise(PROMPTS, SEEDS, steps=STEPS, resume=paused, stop_after=2)
    with pytest.raises(UnderpaintingError, match="cannot go on in 2 steps of LMSDiscreteScheduler"):
        model.denoise(PROMPTS, SEEDS, steps=2, resume=paused)
    model.use_scheduler("heun")
    with pytest.raises(UnderpaintingError, match="cannot go on in 4 steps of HeunDiscreteScheduler"):
        model.denoise(PROMPTS, SEEDS, steps=STEPS, resume=paused)


def test_other_seeds_and_settings_are_told(model: Model, paused: Paused) -> None:
    for seeds, steps in (([*SEEDS[:2], 6], STEPS), (SEEDS, STEPS + 1)):
        with pytest.raises(UnderpaintingError, match="not those that these pictures were stopped at"):
            model.denoise(PROMPTS, seeds, steps=steps, resume=paused)
