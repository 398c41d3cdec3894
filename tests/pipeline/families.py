"""Tiny random pipelines of each family, built from configurations alone."""

import inspect
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    LatentConsistencyModelPipeline,
    LCMScheduler,
    LMSDiscreteScheduler,
    LuminaNextDiT2DModel,
    LuminaPipeline,
    PixArtAlphaPipeline,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPanoramaPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (
    CLIPTextModel,
    CLIPTextModelWithProjection,
    GemmaConfig,
    GemmaModel,
)

from tests.pipeline.conftest import tiny_pipeline, tiny_tokenizer
from tests.pipeline.parts import NOISE, autoencoder, lively, t5, text_config

PIXART_BLOCKS = 3


def stable_diffusion_2(folder: Path) -> Any:
    """Of Stable Diffusion 2's kind: linear projections, heads by channels, v-prediction."""
    pipe = tiny_pipeline(folder, use_linear_projection=True, attention_head_dim=(2, 4, 4, 4))
    pipe.scheduler = LMSDiscreteScheduler(**NOISE, prediction_type="v_prediction")
    return pipe


def stable_diffusion_xl(folder: Path) -> Any:
    """Of SDXL's kind: three blocks, two and four transformers stacked, two text encoders."""
    tokenizer = tiny_tokenizer(folder)
    words = len(tokenizer)
    unet = UNet2DConditionModel(
        sample_size=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(8, 16, 24),
        layers_per_block=2,
        transformer_layers_per_block=(1, 2, 4),
        attention_head_dim=(2, 4, 4),
        cross_attention_dim=32,
        norm_num_groups=4,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=16 + 6 * 8,
    )
    return StableDiffusionXLPipeline(
        vae=autoencoder(),
        text_encoder=CLIPTextModel(text_config(16, words)).eval(),
        text_encoder_2=CLIPTextModelWithProjection(text_config(16, words)).eval(),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet.eval(),
        scheduler=EulerDiscreteScheduler(**NOISE),
    )


def pixart(folder: Path, kind: Any = PixArtAlphaPipeline) -> Any:
    """Of PixArt's kind: three blocks on one grid, a learned variance beside the noise, a T5 encoder."""
    tokenizer, encoder = t5(folder, 16)
    transformer = PixArtTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=4,
        out_channels=8,
        num_layers=PIXART_BLOCKS,
        cross_attention_dim=16,
        sample_size=16,
        patch_size=2,
        caption_channels=16,
        norm_num_groups=4,
        use_additional_conditions=False,
    )
    return kind(
        tokenizer=tokenizer,
        text_encoder=encoder,
        vae=autoencoder(),
        transformer=lively(transformer),
        scheduler=DPMSolverMultistepScheduler(**NOISE),
    )


def pixart_sigma(folder: Path) -> Any:
    """PixArt-Sigma."""
    return pixart(folder, PixArtSigmaPipeline)


FAMILIES = {
    "stable diffusion 1": tiny_pipeline,
    "stable diffusion 2": stable_diffusion_2,
    "stable diffusion xl": stable_diffusion_xl,
    "pixart alpha": pixart,
    "pixart sigma": pixart_sigma,
}


def stable_diffusion_3(folder: Path) -> Any:
    """Of Stable Diffusion 3's kind: pictures and text attend jointly, a flow."""
    transformer = SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=32,
        caption_projection_dim=16,
        pooled_projection_dim=32,
        out_channels=4,
        pos_embed_max_size=16,
    )
    vae = autoencoder()
    vae.register_to_config(shift_factor=0.1)
    return StableDiffusion3Pipeline(
        **three_encoders(folder, (16, 16), 32),
        transformer=transformer.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae,
    )


def three_encoders(folder: Path, clips: tuple[int, int], wide: int) -> dict[str, Any]:
    """The texts' part of a pipeline of that kind: two encoders of these sizes and one of T5's kind."""
    tokenizer, (tokenizer_3, encoder_3) = tiny_tokenizer(folder / "clip"), t5(folder / "t5", wide)
    encoders = [CLIPTextModelWithProjection(text_config(size, len(tokenizer))).eval() for size in clips]
    return {
        "text_encoder": encoders[0],
        "tokenizer": tokenizer,
        "text_encoder_2": encoders[1],
        "tokenizer_2": tokenizer,
        "text_encoder_3": encoder_3,
        "tokenizer_3": tokenizer_3,
    }


def latent_consistency(folder: Path) -> Any:
    """A latent consistency model: guidance is an input, there is one branch."""
    pipe = tiny_pipeline(folder, time_cond_proj_dim=8)
    return LatentConsistencyModelPipeline(
        **{name: part for name, part in pipe.components.items() if name != "scheduler"},
        scheduler=LCMScheduler(**NOISE),
        requires_safety_checker=False,
    )


def lumina(folder: Path) -> Any:
    """Of Lumina's kind: a flow, whose guidance stacks the prompt's rows first."""
    tokenizer = tiny_tokenizer(folder)
    encoder = GemmaModel(
        GemmaConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=8,
        )
    )
    transformer = LuminaNextDiT2DModel(
        sample_size=8,
        in_channels=4,
        hidden_size=16,
        num_layers=2,
        num_attention_heads=2,
        num_kv_heads=2,
        multiple_of=8,
        cross_attention_dim=16,
    )
    with torch.no_grad():
        for weight in transformer.parameters():
            weight.normal_(0, 0.3)
    return LuminaPipeline(
        transformer=transformer.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=autoencoder(blocks=4),
        text_encoder=encoder.eval(),
        tokenizer=tokenizer,
    )


def of_stable_diffusion(kind: Any, folder: Path, **unet: Any) -> Any:
    """A pipeline of another kind with the parts of Stable Diffusion."""
    parts = {**tiny_pipeline(folder, **unet).components, "safety_checker": None}
    takes = inspect.signature(kind.__init__).parameters
    given = {name: part for name, part in parts.items() if name in takes}
    if kind is StableDiffusionPanoramaPipeline:
        given["scheduler"] = DDIMScheduler(**NOISE, clip_sample=False)
    pipe = kind(**given, **({"requires_safety_checker": False} if "requires_safety_checker" in takes else {}))
    pipe.set_progress_bar_config(disable=True)
    return pipe
