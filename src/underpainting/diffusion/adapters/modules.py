"""Layers of a network by what their modules are, and short names for them by where they stand."""

import re
from collections.abc import Callable
from typing import Any

import torch

STACKS = {
    "down_blocks": "down",
    "mid_block": "mid",
    "up_blocks": "up",
    "transformer_blocks": "block",
    "layers": "block",
    "blocks": "block",
    "joint_transformer_blocks": "double",
    "single_transformer_blocks": "single",
    "noise_refiner": "refiner",
}
"""What layers are called by the stack that they stand in; any other stack by its own name."""

OF_TEXT = re.compile(r"text|context|caption|txt|llama|encoder_hid")
"""In the names of stacks that only text passes through."""


def is_self_attention(module: Any) -> bool:
    """Whether a module attends from the picture's tokens to themselves, to the text's beside them or not.

    It then gives its output alone: modules that add their input to it are not watched.
    """
    return (
        ("Attention" in type(module).__name__ or "Attn" in type(module).__name__)
        and any(hasattr(module, name) for name in ("to_q", "to_qkv", "to_qkv_mlp_proj", "img_qkv_proj"))
        and not getattr(module, "is_cross_attention", False)
        and not getattr(module, "residual_connection", False)
    )


def find(denoiser: torch.nn.Module, wanted: Callable[[Any], bool]) -> list[str]:
    """Paths of the modules that are wanted, but for those in stacks of the text."""
    paths = [path for path, module in denoiser.named_modules() if path and wanted(module)]
    return [path for path in paths if not OF_TEXT.search(path.partition(".")[0])]


def short_names(denoiser: torch.nn.Module, paths: list[str]) -> dict[str, str]:
    """Short name -> path: the stack and the numbers on the way, such as `up.3.0`, `block.12`, `single.12`.

    The last of several numbers is left out where there is nothing to count. A second layer of a block has the
    module's own name behind, such as `block.3.attn2`.
    """
    has_single = hasattr(denoiser, "single_transformer_blocks")
    names: dict[str, str] = {}
    for path in paths:
        stack, *inner = path.split(".")
        words = {**STACKS, "transformer_blocks": "double"} if has_single else STACKS
        numbers = [part for part in inner if part.isdigit()]
        if len(numbers) > 1 and len(_innermost(denoiser, path)) == 1:
            numbers.pop()
        name = ".".join([words.get(stack, stack), *numbers])
        names[f"{name}.{inner[-1]}" if name in names else name] = path
    return names


def _innermost(denoiser: torch.nn.Module, path: str) -> Any:
    """The innermost list of modules that a path leads through."""
    parts = path.split(".")
    last = max(i for i, part in enumerate(parts) if part.isdigit())
    return denoiser.get_submodule(".".join(parts[:last]))
