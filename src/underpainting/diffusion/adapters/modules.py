"""Layers of a network by what their modules are, and short names for them by where they stand."""

import re
from collections.abc import Callable, Mapping
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

SELF_ATTENTION, CROSS_ATTENTION, BLOCKS, MLP = "self-attention", "cross-attention", "blocks", "mlp"
LAST_WORDS = {SELF_ATTENTION: "", CROSS_ATTENTION: ".cross", BLOCKS: ".stream", MLP: ".mlp"}
"""Kinds of layers, and what the short names of each end in."""

Named = dict[str, str]
"""Short name -> path of a module in the denoiser."""

FEED_FORWARD = ("ff", "feed_forward", "mlp", "img_mlp")
"""What blocks call the network that each of the picture's tokens passes through by itself."""

BLOCK = re.compile(r"((down_blocks\.\d+|mid_block|up_blocks\.\d+)\.)?(?!down_blocks|up_blocks)\w+\.\d+")
"""Paths of what a network, or a stage of a U-Net, is a row of."""

OF_TEXT = re.compile(r"text|context|caption|txt|llama|encoder_hid")
"""In the paths of modules that only text passes through."""


def layers_by_kind(
    denoiser: torch.nn.Module,
    looks_at_itself: Callable[[Any], bool] | None = None,
    looks_at_text: Callable[[Any], bool] | None = None,
) -> dict[str, Named]:
    """All layers of a network, by kind; of the text's too, where that has some of its own.

    looks_at_itself, looks_at_text: whether a module is self-attention or cross-attention, where that is not
    as `is_self_attention` and `is_cross_attention` say.
    """
    modules = {path: module for path, module in denoiser.named_modules() if path}
    paths = {
        SELF_ATTENTION: [path for path in modules if (looks_at_itself or is_self_attention)(modules[path])],
        CROSS_ATTENTION: [path for path in modules if (looks_at_text or is_cross_attention)(modules[path])],
        BLOCKS: _blocks(modules),
        MLP: [path for path in modules if _is_feed_forward(path, modules)],
    }
    return {kind: short_names(denoiser, of, LAST_WORDS[kind]) for kind, of in paths.items()}


def is_self_attention(module: Any) -> bool:
    """Whether a module attends from the picture's tokens to themselves, to the text's beside them or not.

    It then gives its output alone: modules that add their input to it are not watched.
    """
    return _attends(module) and not (_is_cross(module) or getattr(module, "residual_connection", False))


def is_cross_attention(module: Any) -> bool:
    """Whether a module attends from the picture's tokens to the text's alone, and gives its output alone."""
    return _attends(module) and _is_cross(module) and not getattr(module, "residual_connection", False)


def short_names(denoiser: torch.nn.Module, paths: list[str], last: str = "") -> Named:
    """Short name -> path: the stack and the numbers on the way, such as `up.3.0`, `block.12`, `single.12`.

    The last of several numbers is left out where there is nothing to count. A second layer of a block has the
    module's own name behind, such as `block.3.attn2`. last: what all names end in.
    """
    has_single = hasattr(denoiser, "single_transformer_blocks")
    names: dict[str, str] = {}
    for path in paths:
        stack, *inner = path.split(".")
        words = {**STACKS, "transformer_blocks": "double"} if has_single else STACKS
        numbers = [part for part in inner if part.isdigit()]
        if len(numbers) > 1 and len(_innermost(denoiser, path)) == 1 and not BLOCK.fullmatch(path):
            numbers.pop()
        name = ".".join([words.get(stack, stack), *numbers])
        names[f"{name}.{inner[-1]}{last}" if name + last in names else name + last] = path
    return names


def _attends(module: Any) -> bool:
    name = type(module).__name__
    queries = ("to_q", "to_qkv", "to_qkv_mlp_proj", "img_qkv_proj")
    return ("Attention" in name or "Attn" in name) and any(hasattr(module, of) for of in queries)


def _is_cross(module: Any) -> bool:
    return bool(getattr(module, "is_cross_attention", False))


def _blocks(modules: Mapping[str, Any]) -> list[str]:
    """What the residual stream passes through: blocks that attend; of a U-Net, its transformers, and its
    residual blocks that none follows.
    """

    def is_block(path: str) -> bool:
        of_unet = path.split(".")[-2] == "resnets"
        if of_unet and path.replace("resnets", "attentions") in modules:
            return False
        return of_unet or any(map(_attends, modules[path].modules()))

    return [path for path in modules if BLOCK.fullmatch(path) and is_block(path)]


def _is_feed_forward(path: str, modules: Mapping[str, Any]) -> bool:
    """Whether a block that attends has this module for its feed-forward network."""
    block, _, name = path.rpartition(".")
    return name in FEED_FORWARD and block in modules and any(map(_attends, modules[block].children()))


def _innermost(denoiser: torch.nn.Module, path: str) -> Any:
    """The innermost list of modules that a path leads through."""
    parts = path.split(".")
    last = max(i for i, part in enumerate(parts) if part.isdigit())
    return denoiser.get_submodule(".".join(parts[:last]))
