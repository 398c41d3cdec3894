"""Untrained twins: the same network with its weights permuted or drawn anew, for controls.

A model's name may end in `:permuted` or `:fresh`, as in `load("stilllife:permuted")`.
"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from underpainting.diffusion.stored import require_plain
from underpainting.diffusion.weightless import has_no_weights

SEED = 100  # as published


def permute_weights(denoiser: torch.nn.Module, seed: int = SEED) -> None:
    """Permute the entries of every parameter named `weight` among themselves, in place; biases are kept.

    The control of Chen, Viegas and Wattenberg 2023, arXiv 2306.05720. Raises UnderpaintingError as
    `require_plain`.
    """
    require_plain(denoiser)
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in denoiser.named_parameters():
            if name.rpartition(".")[2] == "weight":
                order = torch.randperm(tensor.numel(), generator=rng).to(tensor.device)
                tensor.copy_(tensor.flatten()[order].view_as(tensor))


def draw_weights(denoiser: torch.nn.Module, seed: int = SEED) -> None:
    """Replace all parameters, in place, by those a new network of this configuration starts with.

    Raises UnderpaintingError as `require_plain`.
    """
    require_plain(denoiser)
    kind: Any = type(denoiser)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh: torch.nn.Module = kind.from_config(denoiser.config)
    denoiser.load_state_dict(fresh.state_dict())


Twin = Callable[[torch.nn.Module], None]
TWINS: dict[str, Twin] = {"permuted": permute_weights, "fresh": draw_weights}


def twin_of(denoiser: torch.nn.Module, kind: str) -> torch.nn.Module:
    """A copy of a denoiser, untrained in the way that `TWINS` names; one without weights is its own.

    Raises UnderpaintingError where its weights are quantised, offloaded, or cast by hooks.
    """
    if has_no_weights(denoiser):
        return denoiser
    require_plain(denoiser)
    twin = copy.deepcopy(denoiser)
    TWINS[kind](twin)
    return twin


def split_twin(name: str | Path) -> tuple[str | Path, Twin | None]:
    """The trained model's name, and what makes its twin of it (None where the name asks for no twin)."""
    trained, _, twin = str(name).rpartition(":")
    return (trained, TWINS[twin]) if twin in TWINS else (name, None)
