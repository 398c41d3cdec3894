"""What is refused of a request before anything runs."""

from collections.abc import Sequence

import torch

from underpainting.errors import UnderpaintingError, require_number
from underpainting.vocabulary import GUIDANCE, PIXELS, SEEDS, STEPS


def check_asked(prompts: Sequence[str], seeds: Sequence[int], steps: int, guidance_scale: float) -> None:
    """Raise UnderpaintingError where prompts are none, there is not a seed for each, or a number is none."""
    if isinstance(prompts, str) or not prompts or len(prompts) != len(seeds):
        count = "one string" if isinstance(prompts, str) else f"{len(prompts)} prompts"
        raise UnderpaintingError(
            f"{count} and {len(seeds)} seeds: give a list of prompts and a seed for each"
        )
    for seed in seeds:
        require_number("seed", seed, 0, SEEDS - 1, whole=True)
    require_number("steps", steps, 1, STEPS, whole=True)
    require_number("guidance_scale", guidance_scale, 0, GUIDANCE, whole=False)


def check_shown(pictures: torch.Tensor, prompts: Sequence[str]) -> None:
    """Raise UnderpaintingError where pictures are not [picture, 3, height, width], one a prompt."""
    if pictures.ndim != 4 or pictures.shape[1] != 3 or len(pictures) != len(prompts):
        raise UnderpaintingError(
            f"pictures are {list(pictures.shape)} for {len(prompts)} prompts: give [picture, 3, height, "
            "width], one a prompt"
        )


def checked_size(size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) in pixels. Raises UnderpaintingError where 8 does not divide it."""
    for side, pixels in zip(("height", "width"), size, strict=True):
        require_number(side, pixels, 8, PIXELS, whole=True)
    if size[0] % 8 or size[1] % 8:
        raise UnderpaintingError(f"size {size[0]} x {size[1]}: give a height and width that 8 divides")
    return size
