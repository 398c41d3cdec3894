"""A random pipeline and estimator, small in weights only: pictures, layers and grids are the still life's."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, LMSDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from underpainting.observers.estimators.small_unet import SmallUNet, save_estimator
from underpainting.study.request.config import StudyConfig, parse_config
from underpainting.study.request.prompts import PromptRow

WIDTH = 16
ESTIMATOR = (4, 4, 4, 4)


def tiny_study(folder: Path, steps: int, **sections: dict[str, Any]) -> StudyConfig:
    """Settings of a study by a random pipeline and estimator, which are written to a folder."""
    save_tiny_pipeline(folder / "pipeline")
    save_tiny_estimator(folder / "estimator")
    model = {"name": str(folder / "pipeline"), "steps": steps}
    labels = {"estimator": str(folder / "estimator")}
    return parse_config({"model": model, "labels": labels, **sections}, "settings")


def numbered(count: int) -> list[PromptRow]:
    """Pictures each of its own prompt."""
    return [PromptRow(f"a thing number {i}", i, i) for i in range(count)]


def save_tiny_estimator(folder: Path) -> None:
    """Write an estimator of random weights."""
    torch.manual_seed(0)
    save_estimator(SmallUNet(ESTIMATOR), ESTIMATOR, folder)


def save_tiny_pipeline(folder: Path) -> None:
    """Write a pipeline of random weights: Stable Diffusion v1's topology, pictures 128 x 128."""
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer(folder / "tokenizer")
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=tokenizer.model_max_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(8, 8, 16, 16),
        cross_attention_dim=WIDTH,
        attention_head_dim=2,
        norm_num_groups=4,
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 4, 4),
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=128,
    )
    pipe = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=LMSDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.save_pretrained(folder)


def tiny_tokenizer(folder: Path) -> CLIPTokenizer:
    """A tokenizer of single letters, without merges."""
    letters = string.ascii_lowercase + string.digits
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=24)
