"""Any other pipeline: what diffusers' pipelines have in common is taken to hold of it too."""

import inspect
from collections.abc import Mapping
from typing import Any

from underpainting.diffusion.adapters.base import Adapter
from underpainting.diffusion.adapters.left_out import LEFT_OUT
from underpainting.diffusion.adapters.prompts_only import GIVEN

AUTOENCODERS = ("AutoencoderKL", "AutoencoderTiny", "AutoencoderDC")
PARTS = ("transformer", "unet")
OTHER = {
    "image": "takes a picture",
    "mask_image": "takes a mask",
    "control_image": "takes a control picture",
    "num_frames": "makes a video",
    "video_length": "makes a video",
    "audio_length_in_s": "makes sounds",
    "audio_end_in_s": "makes sounds",
}
"""What a pipeline's arguments say of it where it does not make pictures of prompts alone."""


def stated_adapter(pipe: Any, arguments: Mapping[str, Any]) -> Adapter:
    """An adapter for a pipeline of an unknown family, whose layers are found out where they can be.

    It must have a U-Net or a transformer, an autoencoder that is known and whose latents are not packed, and
    take no other picture than its call is given among the arguments. Raises ValueError, with what is missing,
    where it has not.
    """
    if reason := _unlike(pipe, arguments):
        raise ValueError(reason)
    return Adapter(part=next(name for name in PARTS if getattr(pipe, name, None) is not None))


def _unlike(pipe: Any, arguments: Mapping[str, Any]) -> str | None:
    """In what a pipeline is none that makes pictures of prompts by way of latents; None where it is one."""
    if reason := LEFT_OUT.get(type(pipe).__name__):
        return reason
    takes = inspect.signature(type(pipe).__call__).parameters
    if other := next(
        (words for name, words in OTHER.items() if name in takes and name not in arguments), None
    ):
        return f"it {other}"
    if lacking := [name for name in (*GIVEN, "guidance_scale") if name not in takes]:
        return f"its call takes no {' and no '.join(lacking)}"
    if all(getattr(pipe, name, None) is None for name in PARTS):
        return f"it has no {' and no '.join(PARTS)}"
    vae = getattr(pipe, "vae", None)
    if vae is None:
        return "it has no autoencoder, so it works on pixels, or on what another pipeline decodes"
    if type(vae).__name__ not in AUTOENCODERS:
        return f"how its {type(vae).__name__} scales latents is not known"
    return "how its latents are packed is not known" if hasattr(pipe, "_pack_latents") else None
