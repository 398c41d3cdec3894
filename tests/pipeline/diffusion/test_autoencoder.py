"""Latents to pictures and back for every family, with autoencoders of every kind, as the pipelines do it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderTiny

from tests.pipeline.families import FAMILIES, latent_consistency, lumina, stable_diffusion_3
from underpainting.controls.decoder import DecoderControl
from underpainting.controls.registry import Setting
from underpainting.diffusion import Model, attach
from underpainting.errors import UnderpaintingError, UnsoundPictures

FAMILIES_AND_OTHERS = {
    **FAMILIES,
    "stable diffusion 3": stable_diffusion_3,
    "lumina": lumina,
    "latent consistency": latent_consistency,
}
STATISTICS = {"latents_mean": [0.1, -0.4, 0.3, 0.2], "latents_std": [0.5, 2.0, 1.5, 0.9], "shift_factor": 0.3}


def tiny(pipe: Any) -> None:
    """An autoencoder of TAESD's kind, of the same factor and latents."""
    blocks = len(pipe.vae.config.block_out_channels)
    pipe.vae = AutoencoderTiny(
        encoder_block_out_channels=(8,) * blocks,
        decoder_block_out_channels=(8,) * blocks,
        num_encoder_blocks=(1,) * blocks,
        num_decoder_blocks=(1,) * blocks,
        latent_channels=4,
        scaling_factor=0.7,
    ).eval()


AUTOENCODERS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda pipe: None,
    "with statistics": lambda pipe: pipe.vae.register_to_config(**STATISTICS),
    "tiny": tiny,
}


def made(family: str, folder: Path) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        pipe = FAMILIES_AND_OTHERS[family](folder)
    pipe.set_progress_bar_config(disable=True)
    return attach(pipe)


@pytest.fixture(scope="module", params=FAMILIES_AND_OTHERS)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return made(request.param, tmp_path_factory.mktemp("family"))


@pytest.mark.parametrize("kind", AUTOENCODERS)
def test_pictures_are_the_pipelines_own_and_encoded_to_where_they_came_from(family: Model, kind: str) -> None:
    pipe, own, config = family.pipe, family.pipe.vae, dict(family.pipe.vae.config)
    try:
        AUTOENCODERS[kind](pipe)
        given: list[torch.Tensor] = []
        decode = pipe.vae.decode
        pipe.vae.decode = lambda z, *args, **kwargs: given.append(z) or decode(z, *args, **kwargs)
        call = {"num_inference_steps": 2, "height": 32, "width": 32, **family.adapter.call_options(pipe)}
        latents = pipe(
            "a mug", generator=torch.Generator().manual_seed(0), output_type="latent", **call
        ).images
        wanted = pipe("a mug", generator=torch.Generator().manual_seed(0), output_type="pt", **call).images
        torch.testing.assert_close(family.decode(latents), wanted.float(), atol=1e-5, rtol=1e-5)
        pipes_own, ours = given
        torch.testing.assert_close(ours, pipes_own)
        # An autoencoder that undid its decoding would be encoded to the latents that were decoded.
        pipe.vae.encode = lambda pictures: _Encoded(pipes_own)
        torch.testing.assert_close(family.encode(wanted), latents.float(), atol=1e-4, rtol=1e-4)
    finally:
        pipe.vae = own
        for name in ("encode", "decode"):
            own.__dict__.pop(name, None)
        own.register_to_config(**{name: config[name] for name in STATISTICS})


class _Encoded:
    def __init__(self, latents: torch.Tensor) -> None:
        self.latents = latents


def test_statistics_matter_where_the_pipeline_reads_them(tmp_path: Path) -> None:
    model = made("stable diffusion xl", tmp_path)
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    plain, tokens = model.decode(latents), model.decoder_tokens(latents)
    model.pipe.vae.register_to_config(**STATISTICS)
    assert (model.decode(latents) - plain).abs().max() > 0.01
    seen: list[torch.Tensor] = []
    layer = model.pipe.vae.decoder.mid_block.attentions[0].to_out[0]
    hook = layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    model.decode(latents)
    hook.remove()
    torch.testing.assert_close(model.decoder_tokens(latents), seen[0])
    assert not torch.allclose(seen[0], tokens, atol=1e-3)
    pictures = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(STATISTICS[name]).view(1, 4, 1, 1) for name in ("latents_mean", "latents_std"))
    clean = model.pipe.vae.encode(pictures * 2 - 1).latent_dist.mean
    wanted = (clean - mean) * model.pipe.vae.config.scaling_factor / std
    torch.testing.assert_close(model.encode(pictures), wanted)


def test_a_decoder_without_a_middle_block_has_no_attention_and_no_control(
    model: Model, tmp_path: Path
) -> None:

    small = made("stable diffusion 1", tmp_path)
    tiny(small.pipe)
    assert small.decoder_channels is None and model.decoder_channels == 8
    assert DecoderControl().stand_ins(Setting(small, small.layers[:1], ("conditional",))) == ()


def overflowing(model: Model) -> Model:
    """An autoencoder whose activations are beyond float16, in float16."""
    with torch.no_grad():
        model.pipe.vae.encoder.conv_in.weight.mul_(1e5)
        model.pipe.vae.decoder.conv_in.weight.mul_(1e5)
    model.pipe.vae.half()
    return model


def test_half_precision_is_raised_where_the_pipeline_raises_it(tmp_path: Path) -> None:
    """As Stable Diffusion XL's autoencoder is in float16."""
    model = overflowing(made("stable diffusion xl", tmp_path))
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    latents = model.encode(pictures)
    assert latents.isfinite().all() and model.pipe.vae.dtype == torch.float16
    assert model.decoder_tokens(latents).isfinite().all() and model.decode(latents).isfinite().all()
    assert model.pipe.vae.dtype == torch.float16


def test_what_is_not_finite_is_said(tmp_path: Path) -> None:
    model = overflowing(made("stable diffusion 1", tmp_path))
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with pytest.raises(UnderpaintingError, match=r"float16, encodes to non-finite.*torch.float32"):
        model.encode(pictures)
    latents = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    for give in (model.decode, model.decoder_tokens):
        with pytest.raises(UnsoundPictures, match=r"non-finite values: load with torch_dtype") as caught:
            give(latents)
        assert set(caught.value.reasons) == {0, 1}
