"""How a network's weights are stored: plain, quantised, offloaded or cast by hooks; and where it computes."""

from collections.abc import Iterator
from types import FunctionType
from typing import Any

import torch

from underpainting.errors import UnderpaintingError

PLAIN = (torch.nn.Parameter, torch.Tensor)


def stored_tensors(network: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Every plain tensor that a network's weights are made of, by name, sorted; of the offloaded ones too.

    A quantised weight is what it is stored as: its class is part of the name. Raises UnderpaintingError where
    weights are on the disk, or of a class that does not tell what it is made of.
    """
    state = network.state_dict()
    if any(tensor.is_meta for tensor in state.values()):
        from accelerate.utils.modeling import get_state_dict_offloaded_model

        state |= get_state_dict_offloaded_model(network)
    missing = next((name for name, tensor in state.items() if tensor.is_meta), _on_disk(network))
    if missing is not None:
        raise UnderpaintingError(
            f"the weights of {type(network).__name__} are offloaded to where they cannot be read, such as "
            f"{missing}: offload them to the CPU"
        )
    for name, tensor in sorted(state.items()):
        yield from _plain(name, tensor.detach())


def require_plain(network: torch.nn.Module) -> None:
    """Raise UnderpaintingError where weights cannot be permuted or drawn anew: those of no plain numbers, or
    that hooks bring and take away; and where a copy of the network would run the network itself.
    """
    for name, weight in network.named_parameters():
        if type(weight) not in PLAIN or not weight.is_floating_point():
            raise _no_twin(
                network, f"its weights are quantised ({name} is of {type(weight).__name__}, {weight.dtype})"
            )
        if weight.is_meta:
            raise _no_twin(network, f"its weights are offloaded ({name})")
    for name, module in network.named_modules():
        offloads = type(getattr(module, "_hf_hook", None)).__name__ == "CpuOffload"
        if offloads or hasattr(module, "_diffusers_hook"):
            raise _no_twin(network, f"its weights are offloaded or cast by hooks ({name or 'of it all'})")
        if isinstance(
            module.__dict__.get("forward"), FunctionType
        ):  # whose copy would run what it was made of
            raise _no_twin(network, f"a function stands for the forward of {name or 'it all'}")


def device_of(pipe: Any, network: Any) -> torch.device:
    """Where a part of a pipeline computes: where its weights are, or are brought to from where they wait."""
    device: torch.device = next(network.parameters()).device
    return device if device.type != "meta" else pipe._execution_device


def _plain(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """A tensor as plain ones: those that a quantised one wraps, or its own bytes."""
    if type(tensor) in PLAIN:
        yield name, tensor
        return
    of = f"{name}:{type(tensor).__name__}"
    if hasattr(tensor, "__tensor_flatten__"):
        for inner in tensor.__tensor_flatten__()[0]:
            yield from _plain(f"{of}.{inner}", getattr(tensor, inner))
        return
    try:
        with torch._C.DisableTorchFunctionSubclass():
            own = tensor.as_subclass(torch.Tensor)
            own.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError) as error:
        raise UnderpaintingError(
            f"{name} is of {type(tensor).__name__}, which does not tell what it is made of: load "
            "weights that are not quantised"
        ) from error
    yield f"{of}{getattr(tensor, 'quant_type', '')}", own


def _on_disk(network: torch.nn.Module) -> str | None:
    """The path of a module whose weights a group of diffusers' keeps on the disk; None where none is."""
    for name, module in network.named_modules():
        hooks = getattr(getattr(module, "_diffusers_hook", None), "hooks", {})
        groups = (getattr(hook, "group", None) for hook in hooks.values())
        if any(getattr(group, "offload_to_disk_path", None) for group in groups):
            return name or "its first"
    return None


def _no_twin(network: torch.nn.Module, how: str) -> UnderpaintingError:
    return UnderpaintingError(
        f"{type(network).__name__} has no untrained twin, for {how}: leave out controls of "
        "untrained networks, or load the pipeline without"
    )
