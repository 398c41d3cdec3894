"""Latents of diffusers' `AutoencoderKL`, which most families share."""

from typing import Any

import torch


class AutoencoderAdapter:
    """What an adapter knows of `pipe.vae`."""

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
