"""Stable Diffusion's family: a U-Net with cross-attention, latents of a variational autoencoder."""

import copy
import re
from dataclasses import dataclass
from typing import Any

import torch

_ATTENTION = re.compile(
    r"(?P<part>down|mid|up)_blocks?(?:\.(?P<block>\d+))?\.attentions\.(?P<attention>\d+)"
    r"\.transformer_blocks\.(?P<transformer>\d+)\.attn1"
)
_PARTS = ("down", "mid", "up")


@dataclass(frozen=True)
class UNetAdapter:
    """Watched is `attn1` of every transformer block; its output is that of its `to_out.0`."""

    branches: tuple[str, ...] = ("unconditional", "conditional")

    def accepts(self, pipe: Any) -> bool:
        """Text-to-image Stable Diffusion without further conditioning of the U-Net."""
        kinds = {kind.__name__ for kind in type(pipe).__mro__}
        return "StableDiffusionPipeline" in kinds and pipe.unet.config.addition_embed_type is None

    def denoiser(self, pipe: Any) -> torch.nn.Module:
        """The U-Net."""
        unet: torch.nn.Module = pipe.unet
        return unet

    def with_denoiser(self, pipe: Any, denoiser: torch.nn.Module) -> Any:
        """The same pipeline, shallowly copied, with another U-Net."""
        other = copy.copy(pipe)
        other.unet = denoiser
        return other

    def default_size(self, pipe: Any) -> tuple[int, int]:
        """The U-Net's sample size times the autoencoder's factor."""
        size = pipe.unet.config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        return height * pipe.vae_scale_factor, width * pipe.vae_scale_factor

    def guided(self, pipe: Any, guidance_scale: float) -> bool:
        """Above 1, unless the U-Net takes the guidance scale as an input."""
        return guidance_scale > 1 and pipe.unet.config.time_cond_proj_dim is None

    def self_attention(self, denoiser: torch.nn.Module) -> dict[str, str]:
        """`up.3.0` for the only block of `up_blocks.3.attentions.0`, `up.3.0.1` where blocks stack."""
        found: list[tuple[tuple[int, ...], str]] = []
        for path, module in denoiser.named_modules():
            match = _ATTENTION.fullmatch(path)
            if match and not getattr(module, "is_cross_attention", False):
                place = tuple(int(match[key]) for key in ("block", "attention", "transformer") if match[key])
                found.append(((_PARTS.index(match["part"]), *place), path))
        stacked = {place[:-1] for place, _ in found if place[-1] > 0}
        layers = {}
        for place, path in sorted(found):
            numbers = place[1:] if place[:-1] in stacked else place[1:-1]
            layers[".".join([_PARTS[place[0]], *map(str, numbers)])] = path
        return layers

    def example_inputs(self, pipe: Any, size: tuple[int, int]) -> dict[str, Any]:
        """A latent, a timestep and 77 text tokens, all without contents."""
        config = pipe.unet.config
        factor = pipe.vae_scale_factor
        latent = (1, config.in_channels, size[0] // factor, size[1] // factor)
        return {
            "sample": torch.empty(latent, device="meta"),
            "timestep": torch.ones((), device="meta"),
            "encoder_hidden_states": torch.empty((1, 77, config.cross_attention_dim), device="meta"),
        }

    def encode(self, pipe: Any, pictures: torch.Tensor) -> torch.Tensor:
        """The mean of the autoencoder's distribution."""
        vae = pipe.vae
        given = (pictures * 2 - 1).to(pipe._execution_device, vae.dtype)
        mean = vae.encode(given).latent_dist.mean - (getattr(vae.config, "shift_factor", None) or 0)
        latents: torch.Tensor = mean * vae.config.scaling_factor
        return latents

    def decoder_channels(self, pipe: Any) -> int | None:
        """Those of the autoencoder's deepest block, where it attends."""
        attends = any(part is not None for part in pipe.vae.decoder.mid_block.attentions)
        return int(pipe.vae.config.block_out_channels[-1]) if attends else None

    def decoder_tokens(self, pipe: Any, latents: torch.Tensor) -> torch.Tensor:
        """The output of `to_out.0` in the decoder's middle block, on the latents' own grid."""
        vae = pipe.vae
        given = latents.to(pipe._execution_device, vae.dtype) / vae.config.scaling_factor
        if getattr(vae.config, "shift_factor", None):
            given = given + vae.config.shift_factor
        middle, seen = vae.decoder.mid_block, []
        hook = middle.attentions[0].to_out[0].register_forward_hook(lambda module, x, out: seen.append(out))
        try:
            x = vae.decoder.conv_in(given if vae.post_quant_conv is None else vae.post_quant_conv(given))
            middle.attentions[0](middle.resnets[0](x, None))
        finally:
            hook.remove()
        tokens: torch.Tensor = seen[0]
        return tokens.float()

    def decode(self, pipe: Any, latents: torch.Tensor) -> torch.Tensor:
        """The autoencoder's picture, as the pipeline itself would return it."""
        vae = pipe.vae
        scaled = latents.to(pipe._execution_device, vae.dtype) / vae.config.scaling_factor
        if getattr(vae.config, "shift_factor", None):
            scaled = scaled + vae.config.shift_factor
        decoded: torch.Tensor = vae.decode(scaled, return_dict=False)[0]
        return (decoded * 0.5 + 0.5).clamp(0, 1).float()
