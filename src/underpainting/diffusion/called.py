"""What a pipeline is called with beside what every run gives: a negative prompt, a picture, a scale."""

import hashlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch

from underpainting.diffusion.adapters import Adapter
from underpainting.diffusion.adapters.prompts_only import GIVEN, VARIABLE
from underpainting.errors import UnderpaintingError, suggested
from underpainting.readers import refusing

NEGATIVE = "negative_prompt"
TEXTS = re.compile(r"(negative_)?prompt(_\d)?")
"""Arguments that are a text for each picture."""

RUNS_OWN = (
    *GIVEN,
    "guidance_scale",
    "true_cfg_scale",
    "prompt_embeds",
    "num_images_per_prompt",
    "return_dict",
    "use_resolution_binning",
    "callback",
    "callback_steps",
    "callback_on_step_end",
    "callback_on_step_end_tensor_inputs",
)
"""Arguments that a run gives itself, or that would change how many pictures it makes, or who looks on."""


def check_arguments(pipe: Any, arguments: Mapping[str, Any]) -> None:
    """Raise UnderpaintingError where a pipeline's call takes no such argument, or every run gives its own."""
    kind = type(pipe)
    takes = inspect.signature(kind.__call__).parameters
    known = [name for name, of in takes.items() if name != "self" and of.kind not in VARIABLE]
    for name in arguments:
        if name in RUNS_OWN:
            raise UnderpaintingError(f"{name} of {kind.__name__} is given by every run: leave it out")
        if name not in known:
            if name.startswith(NEGATIVE):
                raise UnderpaintingError(
                    f"{kind.__name__} takes no {name}, for it has no second branch: leave it out"
                )
            meant = suggested(name, [of for of in known if of not in RUNS_OWN]) or "leave it out"
            raise UnderpaintingError(f"{kind.__name__} is not called with {name!r}; {meant}")


def check_negative(arguments: Mapping[str, Any], branches: Sequence[str]) -> None:
    """Raise UnderpaintingError where a negative prompt, as text or embedded, has no branch to be in."""
    given = [name for name, value in arguments.items() if name.startswith(NEGATIVE) and value is not None]
    if given and "unconditional" not in branches:
        raise UnderpaintingError(
            f"{given[0]} has no second branch to be in: raise guidance_scale above 1, or leave it out"
        )


def calling(pipe: Any, arguments: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Turn whatever a pipeline says against a person's arguments into one line; without any it is a bug's."""
    what = f"{type(pipe).__name__} cannot be called with {', '.join(arguments)}"
    return refusing(what, "give what it takes") if arguments else nullcontext()


def call_of(
    pipe: Any,
    adapter: Adapter,
    arguments: Mapping[str, Any],
    pictures: int,
    size: tuple[int, int],
    steps: int,
) -> Callable[[float], dict[str, Any]]:
    """From a scale of guidance to the arguments of a pipeline's call for so many pictures of (height, width)
    pixels, but for prompts and generators. A person's arguments come before the family's.
    """

    def at(guidance_scale: float) -> dict[str, Any]:
        return {
            **adapter.guidance(pipe, guidance_scale, pictures),
            **adapter.call_options(pipe),
            "height": size[0],
            "width": size[1],
            "num_inference_steps": steps,
            **of_pictures(arguments, pictures),
        }

    return at


def of_pictures(arguments: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Arguments for a number of pictures: one text is each picture's, and so is one negative text embedded.

    Pictures that are given, such as an adapter's, the pipeline itself takes for one or for each.
    """
    given = dict(arguments)
    for name, value in arguments.items():
        if isinstance(value, str) and TEXTS.fullmatch(name):
            given[name] = [value] * count
        elif isinstance(value, torch.Tensor) and name.startswith(NEGATIVE) and len(value) == 1:
            given[name] = value.expand(count, *value.shape[1:])
    return given


def recorded_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as plain JSON, in which arrays and pictures are the SHA-256 of what they hold."""
    return {name: _recorded(value) for name, value in sorted(arguments.items()) if value is not None}


def _recorded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _recorded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_recorded(inner) for inner in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, torch.Tensor):
        array = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        about = f"{value.dtype} {tuple(value.shape)}"
    elif hasattr(value, "__array_interface__"):  # of NumPy and Pillow
        array = np.asarray(value)
        about = f"{array.dtype} {array.shape}"
    else:
        raise UnderpaintingError(
            f"a pipeline is called with a {type(value).__name__}, which cannot be recorded: give numbers, "
            "texts, pictures or arrays"
        )
    return hashlib.sha256(about.encode() + np.ascontiguousarray(array).tobytes()).hexdigest()
