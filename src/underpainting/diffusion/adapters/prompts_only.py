"""What a pipeline needs beside prompts, which is more than a study gives it."""

import inspect
from collections.abc import Mapping
from typing import Any

GIVEN = (
    "prompt",
    "height",
    "width",
    "num_inference_steps",
    "generator",
    "latents",
    "output_type",
)
"""Arguments of a pipeline's call that every run gives."""

OWN_GUIDANCE = ("pag_scale", "sag_scale")
"""Arguments of guidance that looks at the network once more, in an evaluation or beside it."""

CONTROLS = ("control_image", "image")
PROMPTING = ("ip_adapter_image", "ip_adapter_image_embeds")
"""Arguments by which a ControlNet and an IP-Adapter are given their pictures."""

VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
TEXT = ("text", "text_time", "text_proj")
"""Kinds of further conditions that are made of the prompt."""


def more_than_prompts(
    pipe: Any, config: Mapping[str, Any], channels: int | None, options: Mapping[str, Any]
) -> str | None:
    """What a pipeline needs that makes no picture of prompts alone, in words; None where it needs no more.

    config: of its denoiser. channels: of the latents that it takes, where it says so. options: what its call
    is given beside `GIVEN`, by its family and by a person.
    """
    takes = inspect.signature(type(pipe).__call__).parameters
    demanded = [
        name for name, of in takes.items() if of.default is of.empty and of.kind is of.POSITIONAL_OR_KEYWORD
    ]
    if lacking := [name for name in demanded[1:] if name not in (*GIVEN, *options)]:
        return f"{' and '.join(lacking)}, which its call takes"
    if guides := [name for name in OWN_GUIDANCE if name in takes and name not in options]:
        return f"a network that is looked at once more, for its {guides[0]}"
    if getattr(pipe, "controlnet", None) is not None and not any(name in options for name in CONTROLS):
        name = next((name for name in CONTROLS if name in takes), CONTROLS[0])
        return f"a picture for its ControlNet: give it as attach(pipe, {name}=...)"
    if config.get("encoder_hid_dim_type") not in (None, *TEXT) and not any(of in options for of in PROMPTING):
        return (
            "a picture for its IP-Adapter: give it as attach(pipe, ip_adapter_image=...), or unload it by "
            "unload_ip_adapter()"
        )
    if config.get("class_embed_type") or config.get("num_class_embeds"):
        return "class labels"
    if config.get("addition_embed_type") not in (None, *TEXT):
        return f"further conditions, {config['addition_embed_type']}"
    known = getattr(getattr(pipe, "vae", None), "config", {})
    own = known.get("latent_channels", known.get("z_dim"))
    if own is not None and channels not in (None, own):
        return f"a picture too: its network takes {channels} channels, its autoencoder's latents have {own}"
    return None
