"""What a pipeline gives its network in one evaluation, heard without computing it."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from underpainting.diffusion.adapters import Adapter
from underpainting.errors import UnderpaintingError

PROMPTS = ("a lemon under seven clocks", "two blue mugs on a table of tin")  # no one's negative prompt
CLOSE = 1e-2
"""Two texts are one where the norm of their difference is no more than this share of the one's."""

ORDERS = {
    (False, False, True, True): ("unconditional", "conditional"),
    (True, True, False, False): ("conditional", "unconditional"),
    (True, True): ("conditional",),
}
"""Branches by whether each row of two pictures is given its picture's prompt, over all calls."""

Given = dict[str, list[torch.Tensor]]
"""What a network is given in an evaluation: its rows, over all calls, by argument; the latents first."""


@dataclass(frozen=True)
class Stacking:
    """How the branches of guidance reach a network.

    branches: in the order of their rows. calls: of the network in one evaluation, each of as many branches.
    """

    branches: tuple[str, ...] = ("conditional",)
    calls: int = 1

    def of_call(self, call: int) -> tuple[str, ...]:
        """The branches of a call, from 0."""
        each = len(self.branches) // self.calls
        return self.branches[call * each : (call + 1) * each]


class _Over(Exception):
    """Leaves the pipeline where as much of its call is made as is wanted."""


class _Listener:
    """Stands in for a network, and keeps what it is given; zeros are its answers, if any are known.

    given: what it was given so far. calls: how often.
    """

    def __init__(self, network: Any, answer: Any) -> None:
        self.given: Given = {}
        self.calls = 0
        self._network = network
        self._answer = answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = dict(arguments_of("", (args, kwargs)))
        for name, rows in given.items():
            self.given.setdefault(name, []).extend(rows)
        self.calls += 1
        if self._answer is None:
            raise _Over
        latents = next(iter(given.values()), [])
        return answered(self._answer, len(latents), self._network.device)


def rehearse(pipe: Any, adapter: Adapter, call: Mapping[str, Any], answer: Any = None) -> _Listener:
    """Call a pipeline up to its scheduler's first step, with one that listens in its network's place.

    answer: what the network gives of one picture; without any, the pipeline is left at the network's first
    call. The scheduler has been given its timesteps, and generators of the call have drawn what is drawn
    before. Raises UnderpaintingError where the network is not called.
    """
    listener = _Listener(adapter.denoiser(pipe), answer)
    run_to_step(adapter.with_denoiser(pipe, listener), call)
    if not listener.calls:
        raise never_called(pipe, adapter)
    return listener


def run_to_step(pipe: Any, call: Mapping[str, Any]) -> None:
    """Call a pipeline up to its scheduler's first step, which is not made."""

    def step(*args: Any, **kwargs: Any) -> None:
        raise _Over

    generators = [torch.Generator("cpu").manual_seed(i) for i, _ in enumerate(call["prompt"])]
    given = {"generator": generators, **call, "prompt": list(call["prompt"])}  # some write on their prompts
    before = pipe.scheduler.__dict__.get("step")
    pipe.scheduler.step = functools.wraps(pipe.scheduler.step)(step)
    try:
        with progress_bar(pipe, False):
            pipe(**given, output_type="latent")
    except _Over:
        return
    except ValueError as error:
        raise UnderpaintingError(
            f"{type(pipe).__name__} refuses the call: {error}".splitlines()[0]
        ) from error
    finally:
        if before is None:
            del pipe.scheduler.__dict__["step"]
        else:
            pipe.scheduler.step = before
        pipe.maybe_free_model_hooks()


def never_called(pipe: Any, adapter: Adapter) -> UnderpaintingError:
    """The line for a pipeline whose network is not the one that is known."""
    return UnderpaintingError(f"{type(pipe).__name__} never calls its {adapter.part}: it cannot be watched")


def stacked_branches(
    pipe: Any,
    adapter: Adapter,
    call: Callable[[float], Mapping[str, Any]],
    guidance_scale: float,
    answer: Any,
) -> Stacking:
    """Branches as they reach the network at a guidance scale, each a row a picture.

    call: arguments of the pipeline's call at a scale, but for prompts. answer: what the network gives of one
    picture. Found out by what the network is given of two prompts: latents tell the rows' pictures, and the
    rows that are given what an unguided run gives its network are the conditional ones. Raises
    UnderpaintingError where rows are not all pictures of one branch, then all of the other.
    """

    def heard_at(scale: float) -> _Listener:
        return rehearse(pipe, adapter, {**call(scale), "prompt": list(PROMPTS)}, answer)

    plain = heard_at(adapter.plain)
    if _prompted(plain.given, plain.given) != (True, True):
        raise UnderpaintingError(
            f"{type(pipe).__name__} gives its network {_rows(plain.given)} rows for {len(PROMPTS)} pictures "
            "even without guidance: it cannot be watched"
        )
    guided = plain if guidance_scale <= adapter.plain else heard_at(guidance_scale)
    if order := ORDERS.get(_prompted(guided.given, plain.given)):
        return Stacking(order, guided.calls)
    raise UnderpaintingError(
        f"guidance of {type(pipe).__name__} gives its network {_rows(guided.given)} rows for {len(PROMPTS)} "
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


def _prompted(given: Given, plain: Given) -> tuple[bool, ...]:
    """Whether each row is given its picture's prompt; empty where rows are not each picture's in turn."""
    if not given or not plain:
        return ()
    latents, alone = next(iter(given.values())), next(iter(plain.values()))
    if len(alone) != len(PROMPTS) or not all(_alike(latents, alone)):
        return ()
    prompted = [True] * len(latents)
    for name, rows in given.items():
        if len(rows) == len(latents) and len(plain.get(name, ())) == len(PROMPTS):
            alike = _alike(rows, plain[name])
            if any(alike):  # what is nobody's own, such as the guidance scale, is no text
                prompted = [a and b for a, b in zip(prompted, alike, strict=True)]
    return tuple(prompted)


def _alike(rows: Sequence[torch.Tensor], plain: Sequence[torch.Tensor]) -> list[bool]:
    """Whether each row is that of its picture in an unguided run."""
    alike = []
    for i, row in enumerate(rows):
        own = plain[i % len(PROMPTS)]
        same = row.shape == own.shape
        mine, its = row.float().cpu(), own.float().cpu()
        alike.append(same and bool((mine - its).norm() <= CLOSE * its.norm()))
    return alike


def _rows(given: Given) -> int:
    return len(next(iter(given.values()), ()))


def arguments_of(path: str, value: Any) -> Iterator[tuple[str, list[torch.Tensor]]]:
    """All tensors of nested arguments that have rows, and lists of a tensor a row, by path."""
    if isinstance(value, torch.Tensor) and value.ndim:
        yield path, list(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from arguments_of(f"{path}.{key}", inner)
    elif isinstance(value, list) and value and all(isinstance(of, torch.Tensor) for of in value):
        yield path, value
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from arguments_of(f"{path}.{i}", inner)


def answered(answer: Any, rows: int, device: torch.device) -> Any:
    """What a network that gives this of one picture gives of a batch: zeros."""
    if isinstance(answer, torch.Tensor):
        return torch.zeros((rows, *answer.shape[1:]), dtype=answer.dtype, device=device)
    if isinstance(answer, list):  # one a picture
        return [answer[0].to(device)] * rows
    if isinstance(answer, tuple):
        return tuple(answered(of, rows, device) for of in answer)
    return type(answer)(**{name: answered(of, rows, device) for name, of in answer.items()})
