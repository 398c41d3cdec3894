"""What goes on with a model goes on with that very model; what changes no result is no other model."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import EulerDiscreteScheduler, LMSDiscreteScheduler, StableDiffusionPipeline
from diffusers.models.attention_processor import AttnProcessor

import underpainting
from tests.pipeline.conftest import tiny_pipeline
from tests.pipeline.study.conftest import LightEstimator, tiny_config, tiny_rows
from underpainting.diffusion import Model, attach, load
from underpainting.diffusion.fingerprint import differences
from underpainting.errors import UnderpaintingError
from underpainting.records import sealing
from underpainting.study.environment import about_model, load_study, other_model, record_environment
from underpainting.study.study import StudyFolder, create_study

Doing = Callable[[Any], object]
LAYERS = ("conv_in@16x16x8",)


class Louder(AttnProcessor):
    """Attention of one's own."""

    def __call__(self, *given: Any, **more: Any) -> torch.Tensor:
        return 2 * super().__call__(*given, **more)


def scheduled(kind: Any = LMSDiscreteScheduler, **settings: Any) -> Doing:
    return lambda pipe: setattr(pipe, "scheduler", kind.from_config(pipe.scheduler.config, **settings))


def with_lora(pipe: StableDiffusionPipeline) -> None:
    peft = pytest.importorskip("peft")
    pipe.unet.add_adapter(peft.LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_out.0"]))


def with_another(pipe: StableDiffusionPipeline) -> None:
    peft = pytest.importorskip("peft")
    with_lora(pipe)
    pipe.unet.add_adapter(peft.LoraConfig(r=2, lora_alpha=2, target_modules=["to_v"]), adapter_name="style")
    pipe.unet.set_adapters("default")


def heavier(name: str) -> Doing:
    @torch.no_grad()
    def change(pipe: StableDiffusionPipeline) -> None:
        next(getattr(pipe, name).parameters()).flatten()[0] += 1e-3

    return change


def nothing(pipe: StableDiffusionPipeline) -> None:
    """As it is."""


OTHERS: dict[str, tuple[Doing, Doing, str]] = {
    "Karras sigmas": (
        nothing,
        scheduled(use_karras_sigmas=True),
        "its scheduler's use_karras_sigmas is true, was false",
    ),
    "prediction type": (
        scheduled(prediction_type="v_prediction"),
        scheduled(prediction_type="epsilon"),
        'its scheduler\'s prediction_type is "epsilon", was "v_prediction"',
    ),
    "schedule": (nothing, scheduled(beta_end=0.02), "its scheduler's beta_end is 0.02, was 0.012"),
    "spacing": (
        nothing,
        scheduled(timestep_spacing="trailing"),
        'its scheduler\'s timestep_spacing is "trailing", was "linspace"',
    ),
    "scheduler": (
        nothing,
        scheduled(EulerDiscreteScheduler),
        "its scheduler's class is EulerDiscreteScheduler, was LMSDiscreteScheduler",
    ),
    "LoRA": (
        nothing,
        with_lora,
        "its unet's adapters is {\"default\": 1.0}, was null; its unet's weights differ",
    ),
    "LoRA's scale": (
        with_lora,
        lambda pipe: pipe.unet.set_adapters("default", 0.2),
        'its unet\'s adapters is {"default": 0.2}, was {"default": 1.0}',
    ),
    "LoRA off": (
        with_lora,
        lambda pipe: pipe.unet.disable_adapters(),
        'its unet\'s adapters is {"default": 0.0}, was {"default": 1.0}',
    ),
    "another LoRA": (
        with_another,
        lambda pipe: pipe.unet.set_adapters("style"),
        'its unet\'s adapters is {"default": 0.0, "style": 1.0}, was {"default": 1.0, "style": 0.0}',
    ),
    "LoRA's scale in a part": (
        with_lora,
        lambda pipe: pipe.unet.set_adapters("default", {"up": 0.5}),
        'its unet\'s adapters is {"default": {"down_blocks.0',
    ),
    "FreeU": (
        nothing,
        lambda pipe: pipe.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4),
        "its unet's freeu is [[0.9, 0.2, 1.2, 1.4]",
    ),
    "attention of one's own": (
        nothing,
        lambda pipe: pipe.unet.set_attn_processor(Louder()),
        'its unet\'s processors is ["Louder"], was null',
    ),
    "a network's config": (
        nothing,
        lambda pipe: pipe.unet.register_to_config(center_input_sample=True),
        "its unet's center_input_sample is true, was false",
    ),
    "the autoencoder's factor": (
        nothing,
        lambda pipe: pipe.vae.register_to_config(scaling_factor=0.5),
        "its vae's scaling_factor is 0.5, was 0.18215",
    ),
    "the autoencoder's statistics": (
        nothing,
        lambda pipe: pipe.vae.register_to_config(latents_mean=(1.0, 2.0)),
        "its vae's latents_mean is [1.0, 2.0], was null",
    ),
    "tiling": (nothing, lambda pipe: pipe.vae.enable_tiling(), "its vae's tiling is true, was null"),
    "the text encoder's config": (
        nothing,
        lambda pipe: setattr(pipe.text_encoder.config, "hidden_act", "gelu"),
        'its text_encoder\'s hidden_act is "gelu", was "quick_gelu"',
    ),
    "the tokenizer's length": (
        nothing,
        lambda pipe: setattr(pipe.tokenizer, "model_max_length", 24),
        "its tokenizer's model_max_length is 24, was 77",
    ),
    "the tokenizer's words": (
        nothing,
        lambda pipe: pipe.tokenizer.add_tokens(["mug"]),
        "its tokenizer's vocabulary differs",
    ),
    **{
        f"weights of the {name}": (nothing, heavier(name), f"its {name}'s weights differ")
        for name in ("unet", "vae", "text_encoder")
    },
}


def empty_study(folder: Path, pipeline: Path) -> StudyFolder:
    """A study that takes the pipeline's own scheduler."""
    config = tiny_config(pipeline)
    own = config.model.model_copy(update={"scheduler": "pipeline"})
    watch = config.watch.model_copy(update={"layers": LAYERS})
    return create_study(folder, config.model_copy(update={"model": own, "watch": watch}), tiny_rows())


@dataclass(frozen=True)
class Begun:
    """A study and a capture; each of their methods does what every run does before anything else."""

    study: StudyFolder
    capture: Path

    def go_on(self, pipe: StableDiffusionPipeline) -> None:
        record_environment(self.study, load_study(self.study.config, attach(pipe), LightEstimator()))

    def take(self, pipe: StableDiffusionPipeline) -> None:
        underpainting.capture(attach(pipe), ["a mug"], [1], self.capture, layers=LAYERS, steps=1)


def begin(pipeline: Path, folder: Path, pipe: StableDiffusionPipeline) -> Begun:
    begun = Begun(empty_study(folder / "study", pipeline), folder / "capture")
    begun.go_on(pipe)
    begun.take(pipe)
    return begun


@pytest.fixture(scope="module")
def plain(pipeline_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Begun:
    """Begun with the tiny pipeline as it is."""
    folder = tmp_path_factory.mktemp("begun")
    begun = begin(pipeline_folder, folder, tiny_pipeline(folder))
    again = tiny_pipeline(folder)
    begun.go_on(again)
    begun.take(again)
    return begun


@pytest.mark.parametrize("name", OTHERS)
def test_a_study_and_a_capture_go_on_with_no_other_model(
    name: str, plain: Begun, pipeline_folder: Path, tmp_path: Path
) -> None:
    before, after, words = OTHERS[name]
    pipe = tiny_pipeline(tmp_path)
    before(pipe)
    begun = plain if before is nothing else begin(pipeline_folder, tmp_path, pipe)
    after(pipe)
    with pytest.raises(UnderpaintingError) as refused:
        begun.go_on(pipe)
    said = f"the model is not the one that {begun.study.folder} was begun with ({words}"
    assert said in str(refused.value)
    with pytest.raises(UnderpaintingError) as refused:
        begun.take(pipe)
    assert f"{begun.capture} was begun with another model ({words}" in str(refused.value)
    assert "\n" not in str(refused.value)


SAME: dict[str, Doing] = {
    "a run": lambda pipe: attach(pipe).denoise(["a mug"], [1], steps=2),
    "a bare run": lambda pipe: pipe(["a mug"], num_inference_steps=1, output_type="pt"),
    "attention slicing": lambda pipe: pipe.enable_attention_slicing(1),
    "plain attention": lambda pipe: pipe.unet.set_attn_processor(AttnProcessor()),
    "autoencoder slicing": lambda pipe: pipe.vae.enable_slicing(),
    "channels last": lambda pipe: pipe.unet.to(memory_format=torch.channels_last),
    "another scheduler and back": lambda pipe: (
        attach(pipe).use_scheduler("ddim").pipe,
        scheduled(LMSDiscreteScheduler)(pipe),
    ),
    "options of other schedulers": scheduled(skip_prk_steps=True, clip_sample=True),
    "no checker": lambda pipe: pipe.register_to_config(requires_safety_checker=True),
    "where files were": lambda pipe: pipe.unet.register_to_config(_name_or_path="elsewhere"),
}


@pytest.mark.parametrize("name", SAME)
def test_what_changes_no_result_makes_no_other_model(name: str, tmp_path: Path) -> None:
    pipe = tiny_pipeline(tmp_path)
    before = attach(pipe).fingerprint()
    SAME[name](pipe)
    assert differences(before, attach(pipe).fingerprint()) == []


def test_a_saved_pipeline_is_the_same_wherever_it_is(model: Model, tmp_path: Path) -> None:
    model.pipe.save_pretrained(tmp_path / "here")
    loaded = load(tmp_path / "here")
    assert differences(model.fingerprint(), loaded.fingerprint()) == []
    assert json.loads(json.dumps(loaded.fingerprint())) == loaded.fingerprint()


def test_a_wholly_other_model_is_told_in_a_line(pipe: StableDiffusionPipeline) -> None:
    about = about_model(attach(pipe), "tiny")
    other = json.loads(json.dumps(about))
    other["settings"]["unet"]["config"] = dict.fromkeys(other["settings"]["unet"]["config"], "other")
    assert other_model(about, about) == ""
    assert re.fullmatch(r"(its unet's \w+ is \S+, was \"other\"; ){3}and \d+ more", other_model(other, about))
    assert other_model(about, {**about, "name": "small"}) == "its name is small, was tiny"


def test_options_that_only_another_version_knows_are_not_compared(model: Model) -> None:
    now = model.fingerprint()
    older, newer = json.loads(json.dumps([now, now]))
    del older["settings"]["scheduler"]["config"]["use_beta_sigmas"]
    newer["settings"]["unet"]["config"]["something"] = 1
    assert differences(older, now) == differences(newer, now) == []


def test_parts_that_came_or_went_are_named(model: Model) -> None:
    now = model.fingerprint()
    other = json.loads(json.dumps(now))
    other["settings"]["tokenizer_2"] = other["settings"].pop("text_encoder")
    assert differences(other, now) == ["its text_encoder is new", "its tokenizer_2 is missing"]


@pytest.mark.parametrize("recorded", [{}, {"settings": 3}, {"fingerprint": {"unet": "0" * 64}}])
def test_what_was_begun_without_settings_is_refused(
    recorded: dict[str, Any], pipeline_folder: Path, tmp_path: Path, pipe: StableDiffusionPipeline
) -> None:
    begun = Begun(empty_study(tmp_path / "study", pipeline_folder), tmp_path / "capture")
    begun.go_on(pipe)
    begun.take(pipe)
    file, card = begun.study.environment_file, begun.capture / "capture.json"
    for path in (file, card):
        about = json.loads(path.read_text(encoding="utf-8"))
        about["model"] = {"name": about["model"]["name"], "scheduler": "LMSDiscreteScheduler", **recorded}
        with sealing(path) as temporary:
            temporary.write_text(json.dumps(about), encoding="utf-8")
    for run in (begun.go_on, begun.take):
        with pytest.raises(UnderpaintingError, match="its settings were not recorded when it was begun"):
            run(pipe)


def test_weights_are_hashed_once_a_run(
    pipeline_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from underpainting.captures.write import carry_out, plan_capture
    from underpainting.diffusion import fingerprint
    from underpainting.progress import Progress

    hashed, original = [], fingerprint.sha256_of_weights
    monkeypatch.setattr(
        fingerprint, "sha256_of_weights", lambda network: hashed.append(network) or original(network)
    )
    study = empty_study(tmp_path / "study", pipeline_folder)
    plan = plan_capture(study, tmp_path / "capture", layers=LAYERS, steps=[1], split="calibrate")
    carry_out(plan, Progress())
    assert len(hashed) == len(set(map(id, hashed))) == 3
