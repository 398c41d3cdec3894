"""All that the rest of the package needs to know of a family, with what most families share."""

import copy
import inspect
from collections.abc import Mapping
from typing import Any, Literal

import torch

from underpainting.diffusion import autoencoder
from underpainting.diffusion.adapters.modules import Named, layers_by_kind
from underpainting.diffusion.adapters.prompts_only import more_than_prompts
from underpainting.diffusion.compiled import as_written
from underpainting.diffusion.packing import Packing

Where = Literal["first", "last", "after its text"]
"""Where the picture's tokens are in one sequence with the text's: `after its text` is at another place in
every row of the batch."""

DEFAULT_SIDE = 1024  # pixels, of a pipeline that states no size


class Adapter:
    """What is known of a family of pipelines; a subclass says what cannot be said in these words.

    pipelines: class names, of which a pipeline is one or is made from one. part: name of the denoiser among
    the pipeline's parts. packing: how the scheduler's latents are tokens, where they are no grid. picture:
    where the picture's tokens are, in layers that give one sequence of text and picture. plain: a scale of
    guidance at which there is none. remembers: whether later evaluations need the first one to have been made
    in the same call, as where the text's keys are kept from it.
    """

    pipelines: tuple[str, ...] = ()
    part: str = "transformer"
    packing: Packing | None = None
    picture: Where | None = None
    plain: float = 1.0
    remembers: bool = False

    def __init__(
        self,
        *pipelines: str,
        part: str | None = None,
        packing: Packing | None = None,
        picture: Where | None = None,
        plain: float | None = None,
    ) -> None:
        """What is not stated is as the class has it."""
        self.pipelines = pipelines or self.pipelines
        self.part = part or self.part
        self.packing = packing or self.packing
        self.picture = picture or self.picture
        self.plain = self.plain if plain is None else plain

    def accepts(self, pipe: Any) -> bool:
        """Whether this very pipeline is of the family."""
        return any(kind.__name__ in self.pipelines for kind in type(pipe).__mro__)

    def layers(self, denoiser: torch.nn.Module) -> dict[str, Named]:
        """Kind -> short name -> module path of every layer; kinds are those of `layers_by_kind`."""
        return layers_by_kind(denoiser)

    def more_than_prompts(self, pipe: Any, arguments: Mapping[str, Any]) -> str | None:
        """What this very pipeline needs beside prompts and arguments, in words; None where it is nothing."""
        config = self.denoiser(pipe).config
        channels = self.latents(pipe, (0, 0))[0] if "in_channels" in config else None
        options = {**self.call_options(pipe), **self.guidance(pipe, 1.0, 1), **arguments}
        return more_than_prompts(pipe, config, channels, options)

    def denoiser(self, pipe: Any) -> Any:
        """The network that is called at every step, as it was written where it is compiled."""
        return as_written(getattr(pipe, self.part))

    def with_denoiser(self, pipe: Any, denoiser: Any) -> Any:
        """A pipeline of the same parts but for that network: a shallow copy."""
        other = copy.copy(pipe)
        other.__dict__[self.part] = denoiser
        return other

    def default_size(self, pipe: Any) -> tuple[int, int]:
        """Picture size (height, width) in pixels when none is asked for: the denoiser's sample size, or the
        pipeline's, times the autoencoder's factor, else what the pipeline's call states.
        """
        own = getattr(pipe, "default_sample_size", None)
        size = self.denoiser(pipe).config.get("sample_size") or own
        if size is None:
            return stated_size(pipe)
        height, width = (size, size) if isinstance(size, int) else size
        return int(height * self.factor(pipe)), int(width * self.factor(pipe))

    def factor(self, pipe: Any) -> int:
        """Pixels to a latent, along each side; one where the pipeline does not say."""
        return int(getattr(pipe, "vae_scale_factor", 1))

    def latents(self, pipe: Any, size: tuple[int, int]) -> tuple[int, int, int]:
        """Channels, height and width of the latents of a picture of `size` pixels: the denoiser's channels,
        at the size over the autoencoder's factor.
        """
        channels = int(self.denoiser(pipe).config.in_channels)
        packed = self.packing.patch**2 if self.packing else 1
        return channels // packed, size[0] // self.factor(pipe), size[1] // self.factor(pipe)

    def patch(self, pipe: Any) -> int | None:
        """Latents to a token, along each side, where all of the network's tokens lie on one grid."""
        config = self.denoiser(pipe).config
        stated = config.get("patch_size") or next(iter(config.get("all_patch_size", ())), None)
        return self.packing.patch if self.packing else stated

    def unpacked(self, latents: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
        """Latents [picture, channel, h, w] of those that the scheduler has, on a grid (h, w)."""
        return self.packing.unpack(latents, grid) if self.packing else latents

    def packed(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents as the scheduler has them, of [picture, channel, h, w]."""
        return self.packing.pack(latents) if self.packing else latents

    def begun_with(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents as the pipeline's call takes them to begin with, of [picture, channel, h, w]."""
        return self.packed(latents)

    def finished(self, returned: torch.Tensor, stepped: torch.Tensor) -> torch.Tensor:
        """The last latents as the scheduler has them, of what the call returned and the last step gave."""
        return returned

    def call_options(self, pipe: Any) -> dict[str, Any]:
        """What the pipeline's call needs beside what all families take.

        Pictures are of the size asked for, where a pipeline would take the nearest that it was trained on.
        """
        takes = inspect.signature(type(pipe).__call__).parameters
        return {"use_resolution_binning": False} if "use_resolution_binning" in takes else {}

    def guidance(self, pipe: Any, scale: float, pictures: int) -> dict[str, Any]:
        """Arguments of the pipeline's call that guide so many pictures by a scale.

        By `guidance_scale`; where a pipeline has none, or means by it another thing, by `true_cfg_scale`.
        """
        takes = inspect.signature(type(pipe).__call__).parameters
        own = takes.get("guidance_scale")
        distilled = self.denoiser(pipe).config.get("guidance_embeds", False)
        if "true_cfg_scale" in takes and (own is None or own.default is None) and not distilled:
            against = {"negative_prompt": [" "] * pictures} if scale > 1 else {}
            return {"true_cfg_scale": scale, **against}
        return {"guidance_scale": scale}

    def encode(self, pipe: Any, pictures: torch.Tensor) -> torch.Tensor:
        """Clean latents, scaled for the denoiser, of pictures [picture, 3, height, width] in 0..1: the mean
        of the autoencoder's distribution.
        """
        return autoencoder.encode(pipe, pictures, self.packing)

    def decoder_channels(self, pipe: Any) -> int | None:
        """Channels of the decoder's one self-attention layer, in its middle block; None where it has none."""
        return autoencoder.decoder_channels(pipe)

    def decoder_tokens(self, pipe: Any, latents: torch.Tensor) -> torch.Tensor:
        """Output [picture, token, channel] of that layer's `to_out.0`, on the latents' own grid, for latents
        as they come.
        """
        return autoencoder.decoder_tokens(pipe, latents, self.packing)

    def decode(self, pipe: Any, latents: torch.Tensor) -> torch.Tensor:
        """Pictures [picture, 3, height, width] in 0..1, float32, as the pipeline itself would return them."""
        return autoencoder.decode(pipe, latents, self.packing)


def stated_size(pipe: Any) -> tuple[int, int]:
    """Picture size (height, width) in pixels that a pipeline's call has where none is given."""
    takes = inspect.signature(type(pipe).__call__).parameters
    height, width = (takes[side].default if side in takes else None for side in ("height", "width"))
    return height or DEFAULT_SIDE, width or DEFAULT_SIDE
