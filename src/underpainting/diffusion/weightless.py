"""A pipeline without weights: its own call gives shapes, and costs neither memory nor arithmetic."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from underpainting.diffusion.compiled import as_written

CALLED = ("text_encoder", "image_encoder", "controlnet")
META, CPU = torch.device("meta"), torch.device("cpu")


def weightless(pipe: Any, denoiser: str) -> Any:
    """The same pipeline, its scheduler a copy, the networks that it calls up to its first step ones that have
    shapes alone: its denoiser, encoders of texts and of pictures, a ControlNet.

    denoiser: its name among the parts.
    """
    other = copy.copy(pipe)
    for name, part in pipe.components.items():
        if isinstance(part, torch.nn.Module):
            is_called = name == denoiser or name.startswith(CALLED)
            other.__dict__[name] = Weightless(without_weights(as_written(part)) if is_called else part)
    other.__dict__["scheduler"] = copy.deepcopy(pipe.scheduler)
    other.__dict__["_all_hooks"] = []  # what is not there is offloaded by none
    return other


def without_weights(network: Any) -> torch.nn.Module:
    """A network of the same configuration and dtype on torch's meta device."""
    return configured(type(network), _as_built(network.config), network.dtype)


def configured(kind: Any, config: Any, dtype: torch.dtype) -> torch.nn.Module:
    """A network of a class of diffusers or transformers as a configuration has it, on torch's meta device."""
    with META, _AsMade():
        built = kind.from_config(config) if hasattr(kind, "from_config") else kind(config)
    if built.dtype != dtype:
        torch.nn.Module.to(built, dtype)  # diffusers' own warns of contents, of which there are none
    network: torch.nn.Module = built.eval()
    return network


def has_no_weights(network: torch.nn.Module) -> bool:
    """Whether a network has shapes alone; where its weights are offloaded it has hooks that bring them."""
    is_hooked = any(hasattr(module, "_hf_hook") for module in network.modules())
    return not is_hooked and all(weight.is_meta for weight in network.parameters())


def _as_built(config: Any) -> Any:
    """A network's configuration without what `load_ip_adapter` says in it of a part that it added."""
    if not isinstance(config, Mapping):
        return config  # of transformers
    return {key: of for key, of in config.items() if (key, of) != ("encoder_hid_dim_type", "ip_image_proj")}


class Weightless:
    """Stands in for a network of no weights: given tensors, it gives zeros of the shapes that it would give.

    Whatever of it is called is called so. It says of itself that it is on the CPU.
    """

    device = CPU

    def __init__(self, network: Any) -> None:
        """Of a network on torch's meta device, or of a part of it that can be called."""
        self.network = network

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The network's, by which pipelines tell a ControlNet from several."""
        return type(self.network)

    def __getattr__(self, name: str) -> Any:
        """What the network has; of what can be called, one without weights again."""
        value = getattr(self.network, name)
        return Weightless(value) if callable(value) and not isinstance(value, type) else value

    def __iter__(self) -> Any:
        """The parts of a list of networks."""
        return map(Weightless, self.network)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.network)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Zeros of what it gives."""
        try:
            given = tree_map_only(torch.Tensor, _to_meta, (args, kwargs))
            made = self.network(*given[0], **given[1])
        except (RuntimeError, NotImplementedError):  # it asks for the contents of what it is given
            given = tree_map_only(torch.Tensor, _without_contents, (args, kwargs))
            with _Numbers():  # type: ignore[no-untyped-call]
                made = self.network(*given[0], **given[1])
        return tree_map_only(torch.Tensor, _zeros, made)


class _AsMade(TorchFunctionMode):
    """Leaves weights as they are made: without contents there is nothing to draw."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in ("uniform_", "normal_", "trunc_normal_", "kaiming_uniform_"):
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


class _Numbers(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Lets whole numbers and masks keep their contents, for networks count by them.

    What comes of a tensor with contents and one without has none.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if any(isinstance(of, torch.Tensor) and of.is_meta for of in tree_leaves((args, kwargs))):
            picks = func in (torch.ops.aten.index.Tensor, torch.ops.aten.index_put_.default)
            rest = args[1:]  # of a mask that picks, the contents say how many
            if not picks:
                rest = tree_map_only(torch.Tensor, _to_meta, rest)
            args = (*tree_map_only(torch.Tensor, _to_meta, args[:1]), *rest)
            kwargs = tree_map_only(torch.Tensor, _to_meta, kwargs)
            if kwargs.get("device") is not None:
                kwargs = {**kwargs, "device": META}
        elif kwargs.get("device") == META and _is_of_numbers(args, kwargs):
            kwargs = {**kwargs, "device": CPU}
        return func(*args, **kwargs)


def _is_of_numbers(args: Any, kwargs: Any) -> bool:
    """Whether an operation that is to give a tensor without contents gives whole numbers or a mask."""
    first = args[0] if args else None
    dtype = kwargs.get("dtype") or (first.dtype if isinstance(first, torch.Tensor) else None)
    if dtype is None:
        return bool(args) and all(isinstance(of, int) for of in args)  # as of a range
    return not (dtype.is_floating_point or dtype.is_complex)


def _without_contents(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(META) if tensor.is_floating_point() or tensor.is_complex() else tensor


def _to_meta(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(META)


def _zeros(tensor: torch.Tensor) -> torch.Tensor:
    return torch.zeros(tensor.shape, dtype=tensor.dtype) if tensor.is_meta else tensor
