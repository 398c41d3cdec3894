"""Devices by name, as this machine has them."""

import torch

from underpainting.errors import UnderpaintingError


def choose_device(name: str) -> str:
    """A device by name; "auto" is CUDA where there is one, else Apple's MPS, else the CPU.

    Raises UnderpaintingError where this machine has not the one that is named.
    """
    if name != "auto":
        return str(checked_device(name))
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def checked_device(device: str | torch.device) -> torch.device:
    """The device, or an error if this machine or this torch does not have it."""
    try:
        target = torch.device(device)
        torch.empty(0, device=target)
    except (RuntimeError, AssertionError, AttributeError) as error:
        raise UnderpaintingError(
            f"device {device} is not available ({str(error).splitlines()[0]}): use cpu, or cuda where there "
            "is one"
        ) from error
    return target
