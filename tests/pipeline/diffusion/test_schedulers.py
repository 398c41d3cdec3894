"""Every scheduler of diffusers: watched as bare pipelines run it, or refused in one line; the docs' table."""

import functools
import inspect
import math
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    SchedulerMixin,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
)

from tests.pipeline.conftest import tiny_pipeline
from tests.pipeline.diffusion.stepping import step_calls
from tests.pipeline.families import stable_diffusion_3
from underpainting.diffusion import Begin, Evaluation, Model, StepRecord, Watching, attach
from underpainting.diffusion.evaluations import steps_of_evaluations, steps_planned
from underpainting.diffusion.schedulers import (
    KEEPING,
    REFUSED,
    SETTINGS,
    SPACES,
    prediction_of,
    scheduler_named,
)
from underpainting.diffusion.still import Still, white_noise
from underpainting.errors import UnderpaintingError
from underpainting.vocabulary import SCHEDULERS

PAGE = Path(__file__).parents[3] / "docs" / "schedulers.md"
PROMPTS, SEEDS, STEPS = ["a blue mug", "an orange armchair"], [3, 11], 4
CLEAN = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
FLOW = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}


class Case(NamedTuple):
    """A scheduler's class, and settings that are not those of its name."""

    kind: str
    settings: dict[str, Any] | None = None


CASES: dict[str, Case] = {
    **{name: Case(kind) for name, kind in SCHEDULERS.items()},
    **{
        kind: Case(kind)
        for kind, space in SPACES.items()
        if kind not in SCHEDULERS.values() and space != "edm"
    },
    "Runge-Kutta start": Case("PNDMScheduler", {"skip_prk_steps": False}),
    "`sde-dpmsolver++`": Case("DPMSolverSinglestepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "noise of its own": Case("CogVideoXDDIMScheduler", {"prediction_type": "v_prediction"}),
    "EDMEulerScheduler": Case("EDMEulerScheduler", {}),
    "EDMDPMSolverMultistepScheduler": Case(
        "EDMDPMSolverMultistepScheduler", {"prediction_type": "v_prediction"}
    ),
    "`stochastic_sampling`": Case("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": True}),
    **{
        f"{kind}, `use_flow_sigmas`": Case(kind, FLOW)
        for kind in (
            "DPMSolverMultistepScheduler",
            "DPMSolverSinglestepScheduler",
            "UniPCMultistepScheduler",
            "DEISMultistepScheduler",
            "SASolverScheduler",
        )
    },
}
NOISED = [label for label, case in CASES.items() if case.settings != FLOW and case.kind != "PNDMScheduler"]


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Of Stable Diffusion's kind, with one block down and up: only schedulers matter here."""
    return attach(
        tiny_pipeline(
            tmp_path_factory.mktemp("small"),
            down_block_types=("CrossAttnDownBlock2D",),
            up_block_types=("CrossAttnUpBlock2D",),
            block_out_channels=(8,),
            layers_per_block=1,
        )
    )


@pytest.fixture(scope="module")
def flow_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Of Stable Diffusion 3's kind."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipe = stable_diffusion_3(tmp_path_factory.mktemp("flow"))
    pipe.set_progress_bar_config(disable=True)
    return attach(pipe)


@pytest.fixture
def scheduled(small_model: Model, flow_model: Model, request: pytest.FixtureRequest) -> Model:
    """A model with the scheduler of the test's case."""
    label = request.node.callspec.params["label"]
    case = CASES[label]
    model = flow_model if SPACES[case.kind] == "flow" or case.settings == FLOW else small_model
    if case.settings is None:
        return model.use_scheduler(label)
    own = model.own_scheduler.config
    model.pipe.scheduler = getattr(diffusers, case.kind).from_config(own, **case.settings)
    return model


def generators(seeds: list[int] = SEEDS) -> list[torch.Generator]:
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def network(model: Model) -> torch.nn.Module:
    found: torch.nn.Module = model.adapter.denoiser(model.pipe)
    return found


def called(pipe: Any, drawing: list[torch.Generator], **call: Any) -> torch.Tensor:
    """A pipeline's own call; where it gives its scheduler no generators, it has them all the same."""
    scheduler = pipe.scheduler
    takes = "generator" in inspect.signature(scheduler.step).parameters
    if takes and not hasattr(pipe, "prepare_extra_step_kwargs"):
        scheduler.step = functools.partial(scheduler.step, generator=drawing)
    try:
        latents: torch.Tensor = pipe(
            PROMPTS, num_inference_steps=STEPS, generator=drawing, output_type="latent", **call
        ).images
    finally:
        scheduler.__dict__.pop("step", None)
    return latents


def watched(model: Model) -> list[str]:
    """The first layer."""
    return [model.layers[0].name]


class Given:
    """What a network is given at each call: each picture's latents, as its first rows, and its timestep."""

    def __init__(self) -> None:
        self.latents: list[torch.Tensor] = []
        self.timesteps: list[float] = []

    def __call__(self, module: Any, args: Any, kwargs: Any) -> None:
        latents = args[0] if args else kwargs["hidden_states"]
        timestep = args[1] if len(args) > 1 else kwargs["timestep"]
        self.latents.append(latents[: len(PROMPTS)])
        self.timesteps.append(float(timestep.flatten()[0]))


def clean_seen(scheduler: Any, given: torch.Tensor, timestep: float, record: StepRecord) -> torch.Tensor:
    """The clean latents that a network's output points to, from what it was given, by other formulas.

    Those of its own class for noise of its own; the straight line of a flow; else DDIM at that timestep, to
    which latents of unit variance are all one.
    """
    kind = type(scheduler)
    if SPACES[kind.__name__] == "edm":
        seen = scheduler.precondition_outputs(record.latents, record.network_output, math.exp(4 * timestep))
    elif SPACES[kind.__name__] == "flow" or scheduler.config.get("use_flow_sigmas"):
        return given - timestep / 1000 * record.network_output
    else:
        own = kind if kind.__name__.startswith("CogVideoX") else DDIMScheduler
        fresh = own.from_config(scheduler.config, clip_sample=False)
        fresh.set_timesteps(STEPS)
        seen = fresh.step(record.network_output, int(timestep), given).pred_original_sample
    clean: torch.Tensor = seen
    return clean


def row(label: str, case: Case, steps: list[int], drawn: bool) -> str:
    """The line of the docs' table."""
    name = f"`{label}`" if label in SCHEDULERS else ""
    words = label if name or label == case.kind else label.removeprefix(f"{case.kind}, ")
    kind = f"`{case.kind}`" + ("" if words == case.kind or name else f", {words}")
    counts = list(Counter(steps).values())
    usual = counts[1]
    odd = {"the first": counts[0], "the last": counts[-1]}
    if counts[:3] == [4, 4, 4]:
        evaluations = "4, after the third 1"
    else:
        evaluations = ", ".join(
            [str(usual), *(f"{which} {many}" for which, many in odd.items() if many != usual)]
        )
    notes = ["draws noise"] * drawn + ["latents cannot be changed"] * (case.kind in KEEPING)
    return f"| {kind} | {name} | {evaluations} | yes | yes | {', '.join(notes)} |"


@pytest.mark.parametrize("label", CASES)
def test_watched_it_is_the_bare_pipeline(scheduled: Model, label: str) -> None:
    model, given, drawing = scheduled, Given(), generators()
    hook = network(model).register_forward_pre_hook(given, with_kwargs=True)
    expected = called(model.pipe, drawing, guidance_scale=7.5)
    hook.remove()
    records: list[StepRecord] = []
    evaluations: list[Evaluation] = []

    def copied(layer: str, evaluation: Evaluation, activations: torch.Tensor) -> torch.Tensor:
        evaluations.append(evaluation)
        return activations.clone()

    watch = ["mid.0"] if hasattr(model.pipe, "unet") else ["transformer_blocks.0.attn.to_out.0@8x8x16"]
    state = torch.get_rng_state()
    made = model.denoise(PROMPTS, SEEDS, steps=STEPS, watch=watch, on_step=records.append, edit=copied)
    assert expected.isfinite().all() and torch.equal(made.latents, expected)
    assert torch.equal(torch.get_rng_state(), state)

    assert len(evaluations) == len(given.timesteps) == made.evaluations
    assert [evaluation.step for evaluation in evaluations] == steps_planned(model.pipe.scheduler, STEPS)
    assert [evaluation.number for evaluation in evaluations if evaluation.first] == [
        r.evaluation for r in records
    ]
    assert [record.step for record in records] == [1, 2, 3, 4]
    for record in records:
        seen, timestep = given.latents[record.evaluation], given.timesteps[record.evaluation]
        assert record.timestep == pytest.approx(timestep)
        scale = 1.0 if prediction_of(model.pipe.scheduler) == "flow_prediction" else record.scale
        torch.testing.assert_close(record.latents / scale, seen, rtol=1e-4, atol=1e-5)
        wanted = clean_seen(model.pipe.scheduler, seen, timestep, record)
        rounded = (
            1e-3 if CASES[label].settings == FLOW else 1e-4
        )  # a flow's timestep, where it is a whole number
        tolerance = rounded * float(record.network_output.abs().max() + wanted.abs().max())
        torch.testing.assert_close(record.predicted_clean, wanted, rtol=1e-3, atol=tolerance)

    begun = generators()
    for generator in begun:
        torch.randn(1, 4, 16, 16, generator=generator)
    drawn = not torch.equal(drawing[0].get_state(), begun[0].get_state())
    if drawn:
        alone = model.denoise(PROMPTS[1:], SEEDS[1:], steps=STEPS).latents
        torch.testing.assert_close(alone, expected[1:], rtol=1e-3, atol=1e-3 * float(expected.std()))
    line = row(label, CASES[label], [evaluation.step for evaluation in evaluations], drawn)
    assert line in PAGE.read_text(encoding="utf-8").splitlines(), line


@pytest.mark.parametrize("label", [label for label in NOISED if label != "lms"])
def test_begun_later_it_is_image_to_image(scheduled: Model, label: str) -> None:
    """Also where steps draw noise, which comes after the noise that the picture began with.

    Image-to-image counts derivatives for LMS that it does not have: see `test_begin.py`, and there for PNDM.
    """
    model, first = scheduled, 2
    flow = SPACES[CASES[label].kind] == "flow"
    kind = StableDiffusion3Img2ImgPipeline if flow else StableDiffusionImg2ImgPipeline
    takes = inspect.signature(kind.__init__).parameters
    options = {"requires_safety_checker": False} if "requires_safety_checker" in takes else {}
    other = kind(**{name: part for name, part in model.pipe.components.items() if name in takes}, **options)
    other.set_progress_bar_config(disable=True)
    drawing, strength = generators(), (STEPS - first + 1) / STEPS
    size = {"height": 32, "width": 32} if flow else {}
    wanted = called(other, drawing, image=CLEAN, strength=strength, guidance_scale=7.5, **size)
    begin = Begin(Still(CLEAN, white_noise(CLEAN, SEEDS)).at, first)
    made = model.run(PROMPTS, SEEDS, Watching(begin=begin), steps=STEPS)
    torch.testing.assert_close(made.latents, wanted, rtol=1e-3, atol=1e-3 * float(wanted.std()))


@pytest.mark.parametrize("label", CASES)
def test_stopped_and_gone_on_it_is_the_bare_pipelines(scheduled: Model, label: str) -> None:
    """Twice, and the second time of one picture alone, whose latents at the stop are the same bits."""
    model = scheduled
    flow = {"height": 32, "width": 32} if model.adapter.part == "transformer" else {}
    wanted = called(model.pipe, generators(), guidance_scale=7.5, **flow)
    first = model.denoise(PROMPTS, SEEDS, steps=STEPS, stop_after=1).paused
    assert first is not None
    records: list[StepRecord] = []
    again = model.denoise(
        PROMPTS, SEEDS, steps=STEPS, resume=first, stop_after=3, on_step=records.append, watch=watched(model)
    )
    assert [record.step for record in records] == [2, 3]
    second = again.paused
    assert second is not None
    made = model.denoise(PROMPTS, SEEDS, steps=STEPS, resume=second)
    assert torch.equal(made.latents, wanted)
    spent = [first.outputs.shape[1], again.evaluations, made.evaluations]
    assert sum(spent) == len(steps_of_evaluations(model.pipe.scheduler, STEPS)) and min(spent) > 0
    alone = model.denoise(PROMPTS[1:], SEEDS[1:], steps=STEPS, resume=first.pick([1]), stop_after=3).paused
    assert alone is not None and torch.equal(alone.outputs[:, : spent[0]], first.outputs[1:])
    torch.testing.assert_close(alone.latents, second.latents[1:], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("label", ["euler-a", "sde-dpm++", "lcm", "flow-lcm"])
def test_the_seeds_own_noise_given_is_the_same_denoising(scheduled: Model, label: str) -> None:
    wanted = scheduled.denoise(PROMPTS, SEEDS, steps=3).latents
    made = scheduled.run(PROMPTS, SEEDS, Watching(begin=Begin(white_noise(CLEAN, SEEDS))), steps=3)
    assert torch.equal(made.latents, wanted)


@pytest.mark.parametrize("label", ["kdpm2", "kdpm2-a"])
def test_a_picture_is_shown_at_the_level_of_every_evaluation(scheduled: Model, label: str) -> None:
    """Of those between two steps too, which have a timestep that is no whole number."""
    calls = step_calls(scheduled.pipe.scheduler)
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    scheduled.look(pictures, PROMPTS, SEEDS, steps=STEPS)
    clean = scheduled.encode(pictures)
    alphas = scheduled.pipe.scheduler.alphas_cumprod
    sigmas = ((1 - alphas) / alphas).log() / 2
    assert len(calls) == 7
    for call in calls:
        below, share = divmod(float(call.timestep), 1)
        between = torch.lerp(sigmas[int(below)], sigmas[min(int(below) + 1, 999)], share)
        shown = clean + between.exp() * white_noise(clean, SEEDS)
        torch.testing.assert_close(call.sample, shown, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("label", [label for label in NOISED if not label.endswith("lcm")])
def test_latents_changed_between_steps_last_where_they_may_be_changed(scheduled: Model, label: str) -> None:
    """By outputs that do not depend on latents. Steps of LCM begin anew, from their outputs alone."""
    scheduler = scheduled.pipe.scheduler
    if SPACES[CASES[label].kind] == "variance preserving" and hasattr(scheduler, "convert_model_output"):
        scheduler = type(scheduler).from_config(scheduler.config, prediction_type="sample")
    outputs = torch.randn(8, 1, 4, 8, 8, generator=torch.Generator().manual_seed(1))

    def after(last: int, change: float) -> torch.Tensor:
        """The latents after an evaluation; those before it were changed."""
        scheduler.set_timesteps(STEPS)
        latents, drawing = outputs[-1], torch.Generator().manual_seed(2)
        takes = "generator" in inspect.signature(scheduler.step).parameters
        for number, timestep in enumerate(scheduler.timesteps[: last + 1]):
            latents = latents + change * (number == last)
            if hasattr(scheduler, "scale_model_input"):
                scheduler.scale_model_input(latents, timestep)
            options = {"generator": drawing} if takes else {}
            latents = scheduler.step(outputs[number], timestep, latents, **options)[0]
        return latents

    scheduler.set_timesteps(STEPS)
    steps = steps_of_evaluations(scheduler, STEPS)
    lasting = [not torch.equal(*(after(steps.index(step), change) for change in (0, 1))) for step in (2, 3)]
    assert all(lasting) == (CASES[label].kind not in KEEPING)


def test_all_schedulers_of_diffusers_are_known_or_refused() -> None:
    names = {name for name in dir(diffusers.schedulers) if name.endswith("Scheduler")}
    names |= {
        kind.__name__ for kind in subclasses(SchedulerMixin) if kind.__module__.startswith("diffusers.")
    }
    assert names == {*SPACES, *REFUSED} and not {*SPACES} & {*REFUSED}
    assert {*SCHEDULERS.values()} <= {*SPACES} and {*SETTINGS} <= {*SCHEDULERS}


def subclasses(kind: type) -> set[type]:
    return {below for own in kind.__subclasses__() for below in (own, *subclasses(own))}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_watched_is_refused_by_name(model: Model, kind: str) -> None:
    with pytest.raises(
        UnderpaintingError, match=f"{kind} cannot be watched, for {REFUSED[kind]}: use one of lms"
    ):
        model.use_scheduler(kind)
    assert f"| `{kind}` | {REFUSED[kind]} |" in PAGE.read_text(encoding="utf-8").splitlines()


def test_what_cannot_be_watched_is_refused_before_anything_runs(
    pipe: StableDiffusionPipeline, model: Model
) -> None:
    given = Given()
    hook = pipe.unet.register_forward_pre_hook(given, with_kwargs=True)
    pipe.scheduler = diffusers.IPNDMScheduler.from_config(pipe.scheduler.config)
    with pytest.raises(
        UnderpaintingError, match="IPNDMScheduler cannot be watched, for it tells the network"
    ):
        model.denoise(PROMPTS, SEEDS, steps=3)
    pipe.scheduler = type("OfMyOwn", (diffusers.EulerDiscreteScheduler,), {})()
    with pytest.raises(UnderpaintingError, match="unknown scheduler OfMyOwn: use one of lms"):
        model.denoise(PROMPTS, SEEDS, steps=3)
    pipe.scheduler = diffusers.DPMSolverMultistepScheduler(prediction_type="flow_prediction")
    with pytest.raises(UnderpaintingError, match="prediction type flow_prediction: known are epsilon"):
        model.denoise(PROMPTS, SEEDS, steps=3)
    model.use_scheduler("lcm")
    with pytest.raises(UnderpaintingError, match="LCMScheduler cannot make 60 steps: use another number"):
        model.denoise(PROMPTS, SEEDS, steps=60)
    model.use_scheduler("unipc")
    with pytest.raises(UnderpaintingError, match="UniPCMultistepScheduler steps from latents that it kept"):
        model.run(PROMPTS, SEEDS, Watching(after_step=lambda step, latents: latents), steps=3)
    hook.remove()
    assert not given.timesteps


@pytest.mark.parametrize(
    ("own", "name", "message"),
    [
        (
            diffusers.FlowMatchEulerDiscreteScheduler(),
            "lms",
            "not fit .* FlowMatchEulerDiscreteScheduler: give flow-euler",
        ),
        (
            diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
            "flow-heun",
            "know use_dynamic_shifting",
        ),
        (diffusers.EulerDiscreteScheduler(), "flow-euler", "not fit .* give lms, ddim"),
        (diffusers.EDMEulerScheduler(), "euler", "not fit .* EDMEulerScheduler: give pipeline"),
        (diffusers.CogVideoXDDIMScheduler(), "ddim", "not know snr_shift_scale"),
    ],
)
def test_noise_that_the_network_was_not_trained_with_is_refused(own: Any, name: str, message: str) -> None:
    with pytest.raises(UnderpaintingError, match=message):
        scheduler_named(name, own)


def test_planning_leaves_a_scheduler_as_it_is() -> None:
    """Also one whose timesteps depend on the size of the picture, which is not known yet."""
    shifted = diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    before = dict(vars(shifted))
    assert steps_planned(shifted, 3) == [1, 2, 3] and vars(shifted) == before


@pytest.mark.parametrize("name", [name for name in SCHEDULERS if not name.startswith("flow")])
def test_the_networks_noise_is_kept(name: str) -> None:
    """Classes have defaults of their own, which are not those that another was left with."""
    own = diffusers.PNDMScheduler(prediction_type="v_prediction")
    for named in (scheduler_named(name, own), scheduler_named("CogVideoXDDIMScheduler", own)):
        torch.testing.assert_close(named.alphas_cumprod.float(), own.alphas_cumprod)
        assert named.config.prediction_type == "v_prediction"


def test_a_name_is_what_it_says_whatever_the_pipelines_own_states() -> None:
    for own in ("dpmsolver++", "sde-dpmsolver++"):
        stated = diffusers.DPMSolverMultistepScheduler(algorithm_type=own)
        assert scheduler_named("dpm++", stated).config.algorithm_type == "dpmsolver++"
        assert scheduler_named("sde-dpm++", stated).config.algorithm_type == "sde-dpmsolver++"


def test_a_scheduler_that_cannot_be_watched_makes_room(pipe: StableDiffusionPipeline) -> None:
    own = diffusers.DDIMInverseScheduler.from_config(pipe.scheduler.config)
    assert type(scheduler_named("euler", own)).__name__ == "EulerDiscreteScheduler"
    with pytest.raises(UnderpaintingError, match="DDIMInverseScheduler cannot be watched"):
        scheduler_named("pipeline", own)
