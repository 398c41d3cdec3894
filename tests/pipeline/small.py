"""A small pipeline of Stable Diffusion's kind, for what costs time by the module; a file of it as shared."""

import re
from pathlib import Path
from typing import Any

from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

from tests.pipeline.conftest import tiny_pipeline

PROMPTS, SEEDS = ["a blue mug", "an orange"], [3, 11]

TIME = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2"}
UNET = {
    **TIME,
    "conv_in": "input_blocks.0.0",
    "down_blocks.0.resnets.0": "input_blocks.1.0",
    "down_blocks.0.attentions.0": "input_blocks.1.1",
    "down_blocks.0.downsamplers.0.conv": "input_blocks.2.0.op",
    "down_blocks.1.resnets.0": "input_blocks.3.0",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
    "up_blocks.0.resnets.0": "output_blocks.0.0",
    "up_blocks.0.resnets.1": "output_blocks.1.0",
    "up_blocks.0.upsamplers.0.conv": "output_blocks.1.1.conv",
    "up_blocks.1.resnets.0": "output_blocks.2.0",
    "up_blocks.1.attentions.0": "output_blocks.2.1",
    "up_blocks.1.resnets.1": "output_blocks.3.0",
    "up_blocks.1.attentions.1": "output_blocks.3.1",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
VAE = {
    r"down_blocks\.(\d)\.resnets": r"down.\1.block",
    r"down_blocks\.(\d)\.downsamplers\.0": r"down.\1.downsample",
    r"up_blocks\.0\.": "up.1.",
    r"up_blocks\.1\.": "up.0.",
    r"up\.(\d)\.resnets": r"up.\1.block",
    r"upsamplers\.0": "upsample",
    r"mid_block\.resnets\.0": "mid.block_1",
    r"mid_block\.resnets\.1": "mid.block_2",
    r"mid_block\.attentions\.0": "mid.attn_1",
    "conv_shortcut": "nin_shortcut",
    "conv_norm_out": "norm_out",
    "group_norm": "norm",
    r"to_(q|k|v)": r"\1",
    r"to_out\.0": "proj_out",
}


def small_pipeline(folder: Path, **unet: Any) -> StableDiffusionPipeline:
    """Two blocks of one layer: four self-attention layers."""
    return tiny_pipeline(
        folder,
        **{
            "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
            "block_out_channels": (8, 16),
            "layers_per_block": 1,
            **unet,
        },
    )


def one_file(pipe: StableDiffusionPipeline, file: Path) -> None:
    """The pipeline's weights in one file, under the names that Stable Diffusion's checkpoints have."""
    tensors = {}
    for name, tensor in pipe.unet.state_dict().items():
        path = next(path for path in UNET if name.startswith(f"{path}."))
        rest = name.removeprefix(path)
        for new, old in RESNET.items() if "resnets" in path else ():
            rest = rest.replace(new, old)
        tensors[f"model.diffusion_model.{UNET[path]}{rest}"] = tensor
    for name, tensor in pipe.vae.state_dict().items():
        for new, old in VAE.items():
            name = re.sub(new, old, name)
        tensors[f"first_stage_model.{name}"] = tensor
    for name, tensor in pipe.text_encoder.state_dict().items():
        tensors[f"cond_stage_model.transformer.text_model.{name.removeprefix('text_model.')}"] = tensor
    save_file(tensors, file)
