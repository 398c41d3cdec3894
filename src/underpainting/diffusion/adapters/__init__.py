"""What is known of each family of pipelines, one file a family, found by the denoiser's class."""

from typing import Any, Protocol

import torch

from underpainting.diffusion.adapters.pixart import PixArtAdapter
from underpainting.diffusion.adapters.sdxl import SDXLAdapter
from underpainting.diffusion.adapters.stated import stated_adapter
from underpainting.diffusion.adapters.unet import UNetAdapter
from underpainting.errors import UnderpaintingError


class Adapter(Protocol):
    """All that the rest of the package needs to know of a family."""

    @property
    def branches(self) -> tuple[str, ...]:
        """Branches in the order in which guidance stacks them in the network's batch."""

    def accepts(self, pipe: Any) -> bool:
        """Whether this very pipeline can be called with nothing but prompts."""

    def denoiser(self, pipe: Any) -> torch.nn.Module:
        """The network that is called at every step."""

    def with_denoiser(self, pipe: Any, denoiser: torch.nn.Module) -> Any:
        """A pipeline of the same parts but for that network."""

    def default_size(self, pipe: Any) -> tuple[int, int]:
        """Picture size (height, width) in pixels when none is asked for."""

    def guided(self, pipe: Any, guidance_scale: float) -> bool:
        """Whether the batch holds both branches at this guidance scale."""

    def self_attention(self, denoiser: torch.nn.Module) -> dict[str, str]:
        """Short name -> module path of every self-attention layer, in network order."""

    def latents(self, pipe: Any, size: tuple[int, int]) -> tuple[int, int, int]:
        """Channels, height and width of the latents of a picture of `size` pixels."""

    def call_options(self, pipe: Any) -> dict[str, Any]:
        """What the pipeline's call needs beside what all families take."""

    def example_inputs(self, pipe: Any, size: tuple[int, int]) -> dict[str, Any] | None:
        """Arguments of one denoiser call on the meta device, for one picture of `size` pixels.

        None where they are not known, and layers must be stated with grid and channels.
        """

    def encode(self, pipe: Any, pictures: torch.Tensor) -> torch.Tensor:
        """Clean latents, scaled for the denoiser, of pictures [picture, 3, height, width] in 0..1."""

    def decoder_channels(self, pipe: Any) -> int | None:
        """Channels of the decoder's one self-attention layer; None where it has none."""

    def decoder_tokens(self, pipe: Any, latents: torch.Tensor) -> torch.Tensor:
        """Output [picture, token, channel] of that layer, on the latents' grid, for latents as they come."""

    def decode(self, pipe: Any, latents: torch.Tensor) -> torch.Tensor:
        """Pictures [picture, 3, height, width] in 0..1, float32, of latents."""


ADAPTERS: tuple[Adapter, ...] = (UNetAdapter(), SDXLAdapter(), PixArtAdapter())


def adapter_for(pipe: Any) -> Adapter:
    """The adapter of a pipeline's family, or one that knows nothing of its layers.

    Raises UnderpaintingError where the pipeline does not make pictures of prompts by way of latents.
    """
    for adapter in ADAPTERS:
        if adapter.accepts(pipe):
            return adapter
    if stated := stated_adapter(pipe):
        return stated
    raise UnderpaintingError(
        f"no adapter for {type(pipe).__name__}: text-to-image pipelines with one U-Net or transformer and an "
        "AutoencoderKL whose latents are not packed can be watched"
    )
