"""What families share: one denoiser among the pipeline's parts, latents of diffusers' `AutoencoderKL`."""

import copy
import inspect
from typing import Any

import torch


class LatentAdapter:
    """What an adapter knows of the denoiser, of `pipe.vae`, and of guidance that stacks its branches.

    part: name of the denoiser among the pipeline's parts.
    """

    part: str
    branches: tuple[str, ...] = ("unconditional", "conditional")

    def denoiser(self, pipe: Any) -> Any:
        """The network that is called at every step."""
        return getattr(pipe, self.part)

    def with_denoiser(self, pipe: Any, denoiser: torch.nn.Module) -> Any:
        """The same pipeline, shallowly copied, with another denoiser."""
        other = copy.copy(pipe)
        setattr(other, self.part, denoiser)
        return other

    def default_size(self, pipe: Any) -> tuple[int, int]:
        """The denoiser's sample size times the autoencoder's factor."""
        size = self.denoiser(pipe).config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        return int(height * pipe.vae_scale_factor), int(width * pipe.vae_scale_factor)

    def guided(self, pipe: Any, guidance_scale: float) -> bool:
        """Above 1, where there are two branches."""
        return len(self.branches) == 2 and guidance_scale > 1

    def latents(self, pipe: Any, size: tuple[int, int]) -> tuple[int, int, int]:
        """The denoiser's channels, at the picture's size over the autoencoder's factor."""
        factor = pipe.vae_scale_factor
        return int(self.denoiser(pipe).config.in_channels), size[0] // factor, size[1] // factor

    def call_options(self, pipe: Any) -> dict[str, Any]:
        """Pictures of the size asked for, where a pipeline would take the nearest that it was trained on."""
        takes = inspect.signature(type(pipe).__call__).parameters
        return {"use_resolution_binning": False} if "use_resolution_binning" in takes else {}

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
