"""Modules that run no hooks: what torch.compile compiled runs as it was written, others are refused."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from underpainting.errors import UnderpaintingError


def as_written(network: Any) -> Any:
    """The network that torch.compile was given; any other as it is."""
    return getattr(network, "_orig_mod", network)


def require_hooks(network: Any) -> None:
    """Raise UnderpaintingError where hooks on a network's modules would not be heard at every step."""
    kind = type(as_written(network)).__name__
    if not isinstance(network, torch.nn.Module):
        raise UnderpaintingError(
            f"{kind} is no module of torch, and cannot be watched: load the pipeline's own"
        )
    if any(isinstance(module, torch.jit.ScriptModule) for module in network.modules()):
        raise UnderpaintingError(f"{kind} is scripted by torch.jit, and cannot be watched: load it as it was")
    if getattr(network, "is_cache_enabled", False):
        raise UnderpaintingError(f"{kind} skips layers, for its cache is enabled: call its disable_cache()")


def is_compiled(network: Any) -> bool:
    """Whether a network, or a module within it, was compiled: whole, by `Module.compile`, or its forward."""
    return as_written(network) is not network or any(
        module._compiled_call_impl is not None
        or hasattr(module.__dict__.get("forward"), "_torchdynamo_orig_callable")
        for module in network.modules()
    )


def say_uncompiled(network: Any) -> None:
    """Say in one line, as a warning to who called the caller, what becomes of a network that is compiled."""
    if is_compiled(network):
        warnings.warn(
            f"{type(as_written(network)).__name__} is compiled by torch.compile: here it runs as it was "
            "written, for what is compiled cannot be watched; last digits may differ from the compiled one's",
            stacklevel=3,
        )


@contextmanager
def uncompiled(network: Any) -> Iterator[None]:
    """Run what is compiled of a network, and beside it, as it was written."""
    with torch.compiler.set_stance("force_eager") if is_compiled(network) else nullcontext():
        yield
