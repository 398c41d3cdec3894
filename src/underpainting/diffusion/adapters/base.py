"""All that the rest of the package needs to know of a family, with what most families share."""

import copy
import inspect
from abc import ABC, abstractmethod
from typing import Any

import torch


class Adapter(ABC):
    """What is known of a family of pipelines; a subclass says what differs.

    As it stands: one denoiser among the pipeline's parts, latents of diffusers' `AutoencoderKL`, guidance
    that stacks its branches. part: name of the denoiser among the pipeline's parts. branches: in the order
    in which guidance stacks them in the network's batch; one where there is no guidance of that kind.
    """

    part: str
    branches: tuple[str, ...] = ("unconditional", "conditional")

    @abstractmethod
    def accepts(self, pipe: Any) -> bool:
        """Whether this very pipeline is of the family and can be called with nothing but prompts."""

    @abstractmethod
    def self_attention(self, denoiser: torch.nn.Module) -> dict[str, str]:
        """Short name -> module path of every self-attention layer, in network order."""

    @abstractmethod
    def example_inputs(self, pipe: Any, size: tuple[int, int]) -> dict[str, Any] | None:
        """Arguments of one denoiser call on the meta device, for one picture of `size` (h, w) pixels.

        None where they are not known, and layers must be stated with grid and channels.
        """

    def denoiser(self, pipe: Any) -> Any:
        """The network that is called at every step."""
        return getattr(pipe, self.part)

    def with_denoiser(self, pipe: Any, denoiser: torch.nn.Module) -> Any:
        """A pipeline of the same parts but for that network: a shallow copy."""
        other = copy.copy(pipe)
        setattr(other, self.part, denoiser)
        return other

    def default_size(self, pipe: Any) -> tuple[int, int]:
        """Picture size (height, width) in pixels when none is asked for: the denoiser's sample size, times
        the autoencoder's factor.
        """
        size = self.denoiser(pipe).config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        return int(height * pipe.vae_scale_factor), int(width * pipe.vae_scale_factor)

    def guided(self, pipe: Any, guidance_scale: float) -> bool:
        """Whether the batch holds both branches at this guidance scale: above 1, where there are two."""
        return len(self.branches) == 2 and guidance_scale > 1

    def stacked(self, pipe: Any, guidance_scale: float) -> tuple[str, ...]:
        """Branches in the network's batch at this guidance scale, in order."""
        return self.branches if self.guided(pipe, guidance_scale) else ("conditional",)

    def latents(self, pipe: Any, size: tuple[int, int]) -> tuple[int, int, int]:
        """Channels, height and width of the latents of a picture of `size` pixels: the denoiser's channels,
        at the size over the autoencoder's factor.
        """
        factor = pipe.vae_scale_factor
        return int(self.denoiser(pipe).config.in_channels), size[0] // factor, size[1] // factor

    def call_options(self, pipe: Any) -> dict[str, Any]:
        """What the pipeline's call needs beside what all families take.

        Pictures are of the size asked for, where a pipeline would take the nearest that it was trained on.
        """
        takes = inspect.signature(type(pipe).__call__).parameters
        return {"use_resolution_binning": False} if "use_resolution_binning" in takes else {}

    def encode(self, pipe: Any, pictures: torch.Tensor) -> torch.Tensor:
        """Clean latents, scaled for the denoiser, of pictures [picture, 3, height, width] in 0..1: the mean
        of the autoencoder's distribution.
        """
        vae = pipe.vae
        given = (pictures * 2 - 1).to(pipe._execution_device, vae.dtype)
        mean = vae.encode(given).latent_dist.mean - (getattr(vae.config, "shift_factor", None) or 0)
        latents: torch.Tensor = mean * vae.config.scaling_factor
        return latents

    def decoder_channels(self, pipe: Any) -> int | None:
        """Channels of the decoder's one self-attention layer, in its middle block; None where it has none."""
        attends = any(part is not None for part in pipe.vae.decoder.mid_block.attentions)
        return int(pipe.vae.config.block_out_channels[-1]) if attends else None

    def decoder_tokens(self, pipe: Any, latents: torch.Tensor) -> torch.Tensor:
        """Output [picture, token, channel] of that layer's `to_out.0`, on the latents' own grid, for latents
        as they come.
        """
        vae = pipe.vae
        weight = vae.decoder.conv_in.weight  # the search for the pipeline's own device would take as long
        given = latents.to(weight.device, weight.dtype) / vae.config.scaling_factor
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
        """Pictures [picture, 3, height, width] in 0..1, float32, as the pipeline itself would return them."""
        vae = pipe.vae
        scaled = latents.to(pipe._execution_device, vae.dtype) / vae.config.scaling_factor
        if getattr(vae.config, "shift_factor", None):
            scaled = scaled + vae.config.shift_factor
        decoded: torch.Tensor = vae.decode(scaled, return_dict=False)[0]
        return (decoded * 0.5 + 0.5).clamp(0, 1).float()
