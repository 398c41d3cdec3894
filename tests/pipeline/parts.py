"""What tiny random pipelines are made of: tokenizers of letters, text encoders, autoencoders, schedulers."""

import inspect
import string
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CLIPTextConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
)

NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
WIDE = 16  # channels of the text encoders
IMAGE = "<|image_pad|>"
CHAT = (
    "{% for m in messages %}{{ m['content'] if m['content'] is string else m['content'][0]['text'] }}"
    "{% endfor %}"
)


def text_config(size: int, words: int) -> CLIPTextConfig:
    """A text encoder of two layers."""
    return CLIPTextConfig(
        vocab_size=words,
        hidden_size=size,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        projection_dim=size,
    )


def letters(*special: str, post_processor: Any = None, **options: Any) -> PreTrainedTokenizerFast:
    """A tokenizer of single letters, with further special tokens."""
    known = ["<pad>", "</s>", "<unk>", *special, *string.ascii_lowercase, *string.digits]
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(known)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    if post_processor is not None:
        words.post_processor = post_processor
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", **options
    )


def t5(folder: Path, size: int) -> tuple[PreTrainedTokenizerFast, T5EncoderModel]:
    """A tokenizer of letters, and an encoder of one layer."""
    tokenizer = letters()
    tokenizer.save_pretrained(folder)
    config = T5Config(vocab_size=len(tokenizer), d_model=size, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    return tokenizer, T5EncoderModel(config).eval()


def speaker(folder: Path, kind: Any = Qwen3Model, width: int = WIDE, layers: int = 4) -> dict[str, Any]:
    """A tokenizer of letters that knows a conversation, and a language model."""
    tokenizer = letters(
        IMAGE,
        post_processor=processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)]),
        chat_template=CHAT,
        additional_special_tokens=[IMAGE],
    )
    tokenizer.model_max_length = 64
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=4096,
    )
    tokenizer.truncation_side = "left"
    return {"tokenizer": tokenizer, "text_encoder": kind(config).eval()}


def autoencoder(blocks: int = 2) -> AutoencoderKL:
    """Pictures twice the latents' size, or 2^(blocks - 1) times."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        block_out_channels=(8,) * blocks,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=32,
    ).eval()


def shifted_autoencoder(blocks: int = 2) -> Any:
    """An autoencoder with a shift beside its scale."""
    vae = autoencoder(blocks)
    vae.register_to_config(shift_factor=0.1, scaling_factor=0.4)
    return vae


def video_autoencoder(kind: str = "AutoencoderKLQwenImage", blocks: int = 2) -> Any:
    """An autoencoder of videos, with statistics of its four channels."""
    takes = inspect.signature(getattr(diffusers, kind).__init__).parameters
    own = {
        "base_dim": 4,
        "decoder_base_dim": 4,
        "z_dim": 4,
        "dim_mult": [1] * blocks,
        "num_res_blocks": 1,
        "temperal_downsample": [False] * (blocks - 1),
        "latents_mean": [0.1, -0.2, 0.3, 0.4],
        "latents_std": [1.5, 0.7, 2.0, 1.1],
    }
    return getattr(diffusers, kind)(**{k: v for k, v in own.items() if k in takes}).eval()


def normed_autoencoder() -> Any:
    """Of Flux.2's kind: statistics of 2 x 2 patches of its four channels."""
    vae = diffusers.AutoencoderKLFlux2(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=32,
    )
    with torch.no_grad():
        vae.bn.running_mean.copy_(torch.linspace(-0.5, 0.5, 16))
        vae.bn.running_var.copy_(torch.linspace(0.5, 2, 16))
    return vae.eval()


def shifted(**settings: Any) -> FlowMatchEulerDiscreteScheduler:
    """A scheduler whose sigmas are shifted by the picture's size."""
    return FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, **settings)


def lively(network: Any) -> Any:
    """The network, with what is trained away from zero away from zero, so that all of it matters."""
    with torch.no_grad():
        for weight in network.parameters():
            if not weight.any():
                weight.normal_(0, 0.1)
    return network.eval()


def pipeline(kind: str, transformer: Any, parts: dict[str, Any], **more: Any) -> Any:
    """A pipeline of diffusers with a flow's scheduler, unless another is given, and parts that it takes."""
    of: Any = getattr(diffusers, kind)
    given = {"scheduler": FlowMatchEulerDiscreteScheduler(), "vae": autoencoder(), **parts, **more}
    takes = inspect.signature(of.__init__).parameters
    return of(transformer=lively(transformer), **{k: v for k, v in given.items() if k in takes})
