"""What a pipeline is called with beside prompts: as the bare pipeline has it, recorded, or refused."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline, StableDiffusionXLControlNetPipeline
from PIL import Image

from tests.pipeline.families import latent_consistency, pixart, stable_diffusion_xl
from tests.pipeline.small import PROMPTS, SEEDS, small_pipeline
from tests.pipeline.study.conftest import LightEstimator, tiny_rows
from underpainting import Study
from underpainting.diffusion import attach
from underpainting.diffusion.fingerprint import differences
from underpainting.errors import UnderpaintingError
from underpainting.study.environment import load_study, open_model, record_environment
from underpainting.study.request.config import ModelConfig, StudyConfig

NOTHING_OF = "a cup, a bowl and " + "every other vessel " * 9


def of_each(text: str) -> list[str]:
    """A bare pipeline is given a text for each picture."""
    return [text] * len(PROMPTS)


def picture(seed: int = 0, size: int = 32) -> Image.Image:
    levels = np.random.default_rng(seed).integers(0, 256, (size, size, 3))
    return Image.fromarray(levels.astype(np.uint8))


def with_control(folder: Path, make: Callable[[Path], Any] = small_pipeline, kind: Any = None) -> Any:
    """A pipeline with a ControlNet of its U-Net's shape, whose layers matter to the output."""
    torch.manual_seed(2)
    parts = make(folder).components
    net = ControlNetModel.from_unet(parts["unet"], conditioning_embedding_out_channels=(4, 8)).eval()
    with torch.no_grad():
        for weight in (*net.controlnet_down_blocks.parameters(), *net.controlnet_mid_block.parameters()):
            weight.normal_(0, 0.1)
    kind = kind or StableDiffusionControlNetPipeline
    more = {"requires_safety_checker": False} if kind is StableDiffusionControlNetPipeline else {}
    needless = ("image_encoder", "feature_extractor") if not more else ()
    pipe = kind(**{name: of for name, of in parts.items() if name not in needless}, controlnet=net, **more)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def with_sdxl_control(folder: Path) -> Any:
    return with_control(folder, stable_diffusion_xl, StableDiffusionXLControlNetPipeline)


def with_ip_adapter(folder: Path) -> Any:
    """A pipeline with a random IP-Adapter of four tokens, of embeddings of 12 numbers."""
    pipe = small_pipeline(folder)
    torch.manual_seed(3)
    crossing = [name for name in pipe.unet.attn_processors if name.endswith("attn2.processor")]
    widths = [pipe.unet.get_submodule(name.removesuffix(".processor")).inner_dim for name in crossing]
    projection = {"proj.weight": torch.randn(64, 12), "proj.bias": torch.randn(64)}
    projection |= {"norm.weight": torch.ones(16), "norm.bias": torch.zeros(16)}
    keys = {
        f"{2 * i + 1}.to_{key}_ip.weight": torch.randn(width, 16)
        for i, width in enumerate(widths)
        for key in "kv"
    }
    pipe.unet._load_ip_adapter_weights([{"image_proj": projection, "ip_adapter": keys}])
    return pipe


Case = tuple[Callable[[Path], Any], Mapping[str, Any], Mapping[str, Any]]
NEGATIVE: Mapping[str, Any] = {"negative_prompt": NOTHING_OF}
CONTROL = {"image": picture(), "controlnet_conditioning_scale": 0.7}
EMBEDDED = {"ip_adapter_image_embeds": [torch.randn(2, 1, 12, generator=torch.Generator().manual_seed(5))]}
CASES: dict[
    str, Case
] = {  # a pipeline; what it is attached with; what of that the bare pipeline is given otherwise
    "negative prompt": (small_pipeline, NEGATIVE, {"negative_prompt": of_each(NOTHING_OF)}),
    "negative prompt of a transformer": (
        pixart,
        NEGATIVE,
        {"negative_prompt": of_each(NOTHING_OF), "use_resolution_binning": False},
    ),
    "two negative prompts, rescaled": (
        stable_diffusion_xl,
        {"negative_prompt": "a cup", "negative_prompt_2": "a bowl", "guidance_rescale": 0.7},
        {"negative_prompt": of_each("a cup"), "negative_prompt_2": of_each("a bowl")},
    ),
    "ControlNet": (with_control, CONTROL, {}),
    "ControlNet that guesses": (with_control, {**CONTROL, "guess_mode": True}, {}),
    "ControlNet of SDXL": (with_sdxl_control, CONTROL, {}),
    "IP-Adapter": (with_ip_adapter, EMBEDDED, {}),
}


@pytest.mark.parametrize("name", CASES)
def test_pictures_are_those_of_the_bare_pipeline(name: str, tmp_path: Path) -> None:
    make, given, otherwise = CASES[name]
    pipe = make(tmp_path)
    prompts = [PROMPTS[0], "an orange beside " + "another orange and " * 9]  # longer than text encoders read
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in SEEDS]
    call = {"num_inference_steps": 2, "guidance_scale": 5.0, "height": 32, "width": 32, **given, **otherwise}
    expected = pipe(prompts, generator=generators, output_type="latent", **call).images
    model, seen = attach(pipe, **given), []
    made = model.denoise(
        *(prompts, SEEDS),
        steps=2,
        guidance_scale=5.0,
        height=32,
        width=32,
        watch=["self-attention"],
        branches=("conditional", "unconditional"),
        on_step=lambda record: seen.append(len(record.activations)),
    )
    assert torch.equal(made.latents, expected)
    assert seen == [len(model.layers)] * 2 and seen[0] > 0
    assert model.stacking(5.0).branches == ("unconditional", "conditional")
    assert [tokens.is_cut for tokens in model.text_tokens(prompts)] == [False, True]
    without = attach(pipe, **{k: v for k, v in given.items() if k in ("image", *EMBEDDED)})
    told = differences(without.fingerprint(), model.fingerprint())
    changed = sorted(set(given) - {"image", *EMBEDDED})
    assert [line.partition(" is ")[0] for line in told] == [f"its pipeline's {name}" for name in changed]


def test_a_picture_is_part_of_the_model(tmp_path: Path) -> None:
    pipe = with_control(tmp_path)
    one, same, other = (attach(pipe, image=picture(seed)).fingerprint() for seed in (0, 0, 1))
    assert differences(one, same) == []
    (said,) = differences(one, other)
    assert said.startswith("its pipeline's image is ")
    adapted = with_ip_adapter(tmp_path)
    full = attach(adapted, **EMBEDDED).fingerprint()
    adapted.set_ip_adapter_scale(0.5)
    assert differences(full, attach(adapted, **EMBEDDED).fingerprint()) == [
        "its unet's ip_adapter is [[0.5]], was [[1.0]]"
    ]


def test_a_study_is_of_the_model_as_it_is_called(tmp_path: Path) -> None:
    pipe, rows = with_control(tmp_path), [(row.prompt, row.seed) for row in tiny_rows()]
    settings: dict[str, Any] = {"prompts": rows, "estimator": LightEstimator(), "steps": 2, "progress": False}
    given = {"image": picture(), "negative_prompt": "a cup"}
    study = Study.create(tmp_path / "study", model=attach(pipe, **given), **settings)
    assert study.config.model.negative_prompt == "a cup"
    loaded = load_study(study.config, study.model, LightEstimator())
    assert record_environment(study, loaded) == []
    again = load_study(study.config, attach(pipe, image=picture()), LightEstimator())
    assert record_environment(study, again) == []  # the config has the text
    other = load_study(
        study.config, attach(pipe, image=picture(1), negative_prompt="a bowl"), LightEstimator()
    )
    assert other.model.arguments["negative_prompt"] == "a cup"
    with pytest.raises(UnderpaintingError, match="its pipeline's image is "):
        record_environment(study, other)


def test_a_config_names_the_negative_prompt(pipe: Any) -> None:
    model = open_model(StudyConfig(model=ModelConfig(negative_prompt="a cup")), attach(pipe))
    ours = model.denoise(PROMPTS, SEEDS, steps=1).latents
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in SEEDS]
    bare = pipe(
        PROMPTS,
        negative_prompt=of_each("a cup"),
        num_inference_steps=1,
        generator=generators,
        output_type="latent",
    ).images
    assert torch.equal(ours, bare)


REFUSED: dict[str, tuple[Callable[[Path], Any], Mapping[str, Any], str]] = {
    "an argument of nothing": (small_pipeline, {"gidance_rescale": 1}, "did you mean 'guidance_rescale'"),
    "what a run gives": (small_pipeline, {"guidance_scale": 3}, "guidance_scale .* is given by every run"),
    "pictures of a prompt": (small_pipeline, {"num_images_per_prompt": 2}, "is given by every run"),
    "no second branch at all": (latent_consistency, {"negative_prompt": "a cup"}, "has no second branch"),
    "pictures for each": (
        with_control,
        {"image": [picture()] * 3},
        "refuses the call: If image batch size",
    ),
    "a picture that is none": (with_control, {"image": 3}, "cannot be called with image: TypeError"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_pipeline_does_not_take_is_refused(name: str, tmp_path: Path) -> None:
    make, given, said = REFUSED[name]
    pipe = make(tmp_path)
    with pytest.raises(UnderpaintingError, match=said) as refused:
        attach(pipe, **given).denoise(PROMPTS, SEEDS, steps=1)
    assert "\n" not in str(refused.value)


def test_a_negative_prompt_needs_guidance(tmp_path: Path) -> None:
    model = attach(small_pipeline(tmp_path), negative_prompt="a cup")
    with pytest.raises(UnderpaintingError, match="negative_prompt has no second branch to be in: raise guid"):
        model.denoise(PROMPTS, SEEDS, steps=1, guidance_scale=1)
    with pytest.raises(UnderpaintingError, match="Generator, which cannot be recorded"):
        model.called_with(cross_attention_kwargs={"scale": torch.Generator()}).fingerprint()
