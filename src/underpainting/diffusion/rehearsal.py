"""What a pipeline gives its network, heard at the network's first call, before it computes anything."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from underpainting.diffusion.adapters import Adapter
from underpainting.diffusion.compiled import uncompiled
from underpainting.errors import UnderpaintingError

PROMPTS = ("a lemon under seven clocks", "two blue mugs on a table of tin")  # no one's negative prompt
CLOSE = 1e-2
"""Two texts are one where the norm of their difference is no more than this share of the one's."""

ORDERS = {
    (False, False, True, True): ("unconditional", "conditional"),
    (True, True, False, False): ("conditional", "unconditional"),
    (True, True): ("conditional",),
}
"""Branches by whether each row of two pictures is given its picture's prompt."""


class _Heard(Exception):
    """Leaves the pipeline at its network's first call, with the tensors that it was given."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.tensors = tensors


def rehearse(pipe: Any, adapter: Adapter, call: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Call a pipeline up to its network's first call, which is not made; the tensors it would be given.

    They are in the order of the arguments, the latents first. The scheduler has been given its timesteps, and
    generators of the call have drawn what the pipeline draws before. Raises UnderpaintingError where the
    network is not called.
    """

    def hear(module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        raise _Heard(dict(_tensors("", (args, kwargs))))

    generators = [torch.Generator("cpu").manual_seed(i) for i, _ in enumerate(call["prompt"])]
    hook = adapter.denoiser(pipe).register_forward_pre_hook(hear, with_kwargs=True, prepend=True)
    try:
        with progress_bar(pipe, False), uncompiled(getattr(pipe, adapter.part)):
            pipe(**{"generator": generators, **call}, output_type="latent")
    except _Heard as heard:
        return heard.tensors
    finally:
        hook.remove()
        pipe.maybe_free_model_hooks()
    raise UnderpaintingError(f"{type(pipe).__name__} never calls its {adapter.part}: it cannot be watched")


def stacked_branches(pipe: Any, adapter: Adapter, call: Mapping[str, Any]) -> tuple[str, ...]:
    """Branches as they stack in the network's batch at a call's guidance scale, each a row a picture.

    Found out by what the network is given of two prompts: latents tell the rows' pictures, and the rows that
    are given what an unguided run gives its network are the conditional ones. Raises UnderpaintingError where
    rows are not all pictures of one branch, then all of the other.
    """
    asked = {**call, "prompt": list(PROMPTS)}
    plain = rehearse(pipe, adapter, {**asked, "guidance_scale": 1.0})
    if _prompted(plain, plain) != (True, True):
        raise UnderpaintingError(
            f"{type(pipe).__name__} gives its network {_rows(plain)} rows for {len(PROMPTS)} pictures even "
            "without guidance: it cannot be watched"
        )
    guided = plain if call["guidance_scale"] <= 1 else rehearse(pipe, adapter, asked)
    if order := ORDERS.get(_prompted(guided, plain)):
        return order
    raise UnderpaintingError(
        f"guidance of {type(pipe).__name__} gives its network {_rows(guided)} rows for {len(PROMPTS)} "
        "pictures, which are not an unconditional and a conditional half: use guidance_scale 1"
    )


@contextmanager
def progress_bar(pipe: Any, shown: bool) -> Iterator[None]:
    """Show or hide a pipeline's own progress bar, and leave its settings as they were."""
    settings = dict(getattr(pipe, "_progress_bar_config", {}))
    pipe.set_progress_bar_config(**{**settings, "disable": not shown})
    try:
        yield
    finally:
        pipe.set_progress_bar_config(**settings)


def _prompted(given: Mapping[str, torch.Tensor], plain: Mapping[str, torch.Tensor]) -> tuple[bool, ...]:
    """Whether each row is given its picture's prompt; empty where rows are not each picture's in turn."""
    if not given or not plain:
        return ()
    latents, alone = next(iter(given.values())), next(iter(plain.values()))
    pictures = [i % len(PROMPTS) for i in range(len(latents))]
    if len(alone) != len(PROMPTS) or not _alike(latents, alone, pictures).all():
        return ()
    rows = torch.ones(len(latents), dtype=torch.bool)
    for name, tensor in given.items():
        if name in plain and tensor.shape == (len(latents), *plain[name].shape[1:]):
            alike = _alike(tensor, plain[name], pictures)
            rows &= alike | ~alike.any()  # what is nobody's own, such as the guidance scale, is no text
    return tuple(rows.tolist())


def _alike(rows: torch.Tensor, plain: torch.Tensor, pictures: list[int]) -> torch.Tensor:
    """Whether each row is that of its picture in an unguided run: [row]."""
    if len(plain) != len(PROMPTS) or rows.shape[1:] != plain.shape[1:]:
        return torch.zeros(len(rows), dtype=torch.bool)
    mine, own = (of.reshape(len(rows), -1).float().cpu() for of in (rows, plain[pictures]))
    alike: torch.Tensor = (mine - own).norm(dim=1) <= CLOSE * own.norm(dim=1)
    return alike


def _rows(given: Mapping[str, torch.Tensor]) -> int:
    return len(next(iter(given.values()), ()))


def _tensors(path: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """All tensors of nested arguments that have rows, by path."""
    if isinstance(value, torch.Tensor) and value.ndim:
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _tensors(f"{path}.{key}", inner)
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from _tensors(f"{path}.{i}", inner)
