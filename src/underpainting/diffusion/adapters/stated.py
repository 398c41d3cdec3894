"""Any other pipeline: nothing is known of its layers, which are stated as PATH@HEIGHTxWIDTHxCHANNELS."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch

from underpainting.diffusion.adapters.base import Adapter
from underpainting.diffusion.adapters.prompts_only import GIVEN

AUTOENCODERS = ("AutoencoderKL", "AutoencoderTiny")
OTHER = ("image", "mask_image", "control_image", "num_frames", "video_length")
"""What a pipeline takes that does not make pictures of prompts alone."""


class StatedAdapter(Adapter):
    """A denoiser by the name of its part, and what diffusers' pipelines have in common.

    part: `unet` or `transformer`.
    """

    def __init__(self, part: str) -> None:
        """Keep what differs between pipelines."""
        self.part = part

    def accepts(self, pipe: Any) -> bool:
        """The one it was made for."""
        return hasattr(pipe, self.part)

    def self_attention(self, denoiser: torch.nn.Module) -> dict[str, str]:
        """None are known."""
        return {}

    def example_inputs(self, pipe: Any, size: tuple[int, int]) -> None:
        """None are known."""


def stated_adapter(pipe: Any, arguments: Mapping[str, Any]) -> StatedAdapter | None:
    """An adapter for a pipeline of an unknown family; None where it is none that makes pictures of a prompt.

    It must have a U-Net or a transformer with a sample size, an autoencoder that is known and whose latents
    are not packed, and take no other picture than those among the arguments that its call is given.
    """
    part = next((name for name in ("transformer", "unet") if getattr(pipe, name, None) is not None), None)
    takes = inspect.signature(type(pipe).__call__).parameters
    if (
        part is None
        or type(getattr(pipe, "vae", None)).__name__ not in AUTOENCODERS
        or getattr(getattr(pipe, part).config, "sample_size", None) is None
        or hasattr(pipe, "_pack_latents")
        or any(name not in takes for name in GIVEN)
        or any(name in takes and name not in arguments for name in OTHER)
    ):
        return None
    return StatedAdapter(part)
