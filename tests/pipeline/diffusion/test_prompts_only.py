"""Pipelines that need more than prompts are refused in one line where they are attached."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
from diffusers import (
    AutoencoderTiny,
    StableDiffusionAttendAndExcitePipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPAGPipeline,
    StableDiffusionPipeline,
    StableDiffusionSAGPipeline,
)

from tests.pipeline.conftest import tiny_pipeline
from tests.pipeline.families import of_stable_diffusion, stable_diffusion_3
from underpainting.diffusion import attach, load
from underpainting.errors import UnderpaintingError

MORE = "cannot be watched, for it needs more than prompts: "


def of(kind: Any, **unet: Any) -> Callable[[Path], Any]:
    return lambda folder: of_stable_diffusion(kind, folder, **unet)


def with_ip_adapter(folder: Path) -> Any:
    """What `load_ip_adapter` leaves of the U-Net's configuration."""
    pipe = tiny_pipeline(folder)
    pipe.unet.register_to_config(encoder_hid_dim_type="ip_image_proj")
    return pipe


REFUSED = {
    "attend and excite": (of(StableDiffusionAttendAndExcitePipeline), f"{MORE}token_indices, which its call"),
    "self-attention guidance": (of(StableDiffusionSAGPipeline), f"{MORE}a network that is .* its sag_scale"),
    "perturbed attention": (
        of(StableDiffusionPAGPipeline),
        "no adapter for StableDiffusionPAGPipeline: its guidance looks at the network once more",
    ),
    "IP-Adapter": (
        with_ip_adapter,
        f"{MORE}a picture for its IP-Adapter: give .* or unload it by unload_ip_adapter",
    ),
    "class embedding": (of(StableDiffusionPipeline, class_embed_type="timestep"), f"{MORE}class labels"),
    "classes": (of(StableDiffusionPipeline, num_class_embeds=10), f"{MORE}class labels"),
    "inpainting": (of(StableDiffusionPipeline, in_channels=9), "takes 9 channels, its .* latents have 4"),
    "image to image": (of(StableDiffusionImg2ImgPipeline), "no adapter for StableDiffusionImg2ImgPipeline"),
    "three branches": (
        of(StableDiffusionInstructPix2PixPipeline, in_channels=8),
        "no adapter for StableDiffusionInstructPix2PixPipeline",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_needs_more_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    make, said = REFUSED[kind]
    pipe = make(tmp_path)
    with pytest.raises(UnderpaintingError, match=f"{said}|{type(pipe).__name__} {said}") as caught:
        attach(pipe)
    assert "\n" not in str(caught.value)


def test_a_control_net_without_its_picture_is_refused(tmp_path: Path) -> None:
    parts = {**tiny_pipeline(tmp_path).components}
    net = diffusers.ControlNetModel.from_unet(parts["unet"])
    pipe = diffusers.StableDiffusionControlNetPipeline(**parts, controlnet=net, requires_safety_checker=False)
    with pytest.raises(
        UnderpaintingError, match=f"{MORE}a picture for its ControlNet: give .*image="
    ) as caught:
        attach(pipe)
    assert "\n" not in str(caught.value)


def test_loading_refuses_it_too(tmp_path: Path) -> None:
    tiny_pipeline(tmp_path / "words", in_channels=9).save_pretrained(tmp_path / "saved")
    with pytest.raises(UnderpaintingError, match=f"StableDiffusionPipeline {MORE}a picture too"):
        load(tmp_path / "saved")


def test_what_makes_pictures_of_prompts_alone_is_taken(tmp_path: Path) -> None:
    attach(tiny_pipeline(tmp_path / "plain"))
    small = stable_diffusion_3(tmp_path / "three")
    small.vae = AutoencoderTiny(latent_channels=4)
    attach(small)
