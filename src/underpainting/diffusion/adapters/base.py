"""All that the rest of the package needs to know of a family, with what most families share."""

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch

from underpainting.diffusion import autoencoder
from underpainting.diffusion.adapters.prompts_only import more_than_prompts
from underpainting.diffusion.compiled import as_written


class Adapter(ABC):
    """What is known of a family of pipelines; a subclass says what differs.

    As it stands: one denoiser among the pipeline's parts, latents of diffusers' `AutoencoderKL` or
    `AutoencoderTiny`. part: name of the denoiser among the pipeline's parts.
    """

    part: str

    @abstractmethod
    def accepts(self, pipe: Any) -> bool:
        """Whether this very pipeline is of the family."""

    @abstractmethod
    def self_attention(self, denoiser: torch.nn.Module) -> dict[str, str]:
        """Short name -> module path of every self-attention layer, in network order."""

    @abstractmethod
    def example_inputs(self, pipe: Any, size: tuple[int, int]) -> dict[str, Any] | None:
        """Arguments of one denoiser call on the meta device, for one picture of `size` (h, w) pixels.

        None where they are not known, and layers must be stated with grid and channels.
        """

    def more_than_prompts(self, pipe: Any, arguments: Mapping[str, Any]) -> str | None:
        """What this very pipeline needs beside prompts and arguments, in words; None where it is nothing."""
        return more_than_prompts(pipe, self.denoiser(pipe), {**self.call_options(pipe), **arguments})

    def denoiser(self, pipe: Any) -> Any:
        """The network that is called at every step, as it was written where it is compiled."""
        return as_written(getattr(pipe, self.part))

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
        return autoencoder.encode(pipe, pictures)

    def decoder_channels(self, pipe: Any) -> int | None:
        """Channels of the decoder's one self-attention layer, in its middle block; None where it has none."""
        return autoencoder.decoder_channels(pipe)

    def decoder_tokens(self, pipe: Any, latents: torch.Tensor) -> torch.Tensor:
        """Output [picture, token, channel] of that layer's `to_out.0`, on the latents' own grid, for latents
        as they come.
        """
        return autoencoder.decoder_tokens(pipe, latents)

    def decode(self, pipe: Any, latents: torch.Tensor) -> torch.Tensor:
        """Pictures [picture, 3, height, width] in 0..1, float32, as the pipeline itself would return them."""
        return autoencoder.decode(pipe, latents)
