"""A tiny random pipeline of Stable Diffusion v1's topology, made on the spot."""

import json
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, LMSDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from underpainting.diffusion import Model, attach


def tiny_tokenizer(folder: Path) -> CLIPTokenizer:
    """A tokenizer of single letters, without merges."""
    letters = string.ascii_lowercase + string.digits
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=77)


def tiny_pipeline(folder: Path, **unet: Any) -> StableDiffusionPipeline:
    """Four U-Net blocks of two layers, 16 self-attention layers, latents 16 x 16, pictures 32 x 32."""
    generator_state = torch.get_rng_state()
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer(folder)
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=77,
            projection_dim=16,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    denoiser = UNet2DConditionModel(
        **{
            "sample_size": 16,
            "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
            "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
            "block_out_channels": (8, 16, 24, 24),
            "layers_per_block": 2,
            "cross_attention_dim": 16,
            "attention_head_dim": 2,
            "norm_num_groups": 4,
            **unet,
        }
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        latent_channels=4,
        sample_size=32,
    )
    scheduler = LMSDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
    )
    torch.set_rng_state(generator_state)
    pipe = StableDiffusionPipeline(
        vae=vae.eval(),
        text_encoder=text_encoder.eval(),
        tokenizer=tokenizer,
        unet=denoiser.eval(),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="session")
def session_pipeline(tmp_path_factory: pytest.TempPathFactory) -> StableDiffusionPipeline:
    """The tiny pipeline itself, one a run."""
    return tiny_pipeline(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture
def pipe(session_pipeline: StableDiffusionPipeline) -> Iterator[StableDiffusionPipeline]:
    """The tiny pipeline with its own LMS scheduler and default attention."""
    scheduler = session_pipeline.scheduler
    yield session_pipeline
    session_pipeline.scheduler = scheduler
    session_pipeline.disable_attention_slicing()


@pytest.fixture(scope="session")
def session_model(session_pipeline: StableDiffusionPipeline) -> Model:
    """The tiny pipeline, attached once: its layers are looked up once."""
    return attach(session_pipeline)


@pytest.fixture
def model(session_model: Model, pipe: StableDiffusionPipeline) -> Model:
    """The attached tiny pipeline; what a test does to its scheduler is undone."""
    return session_model
