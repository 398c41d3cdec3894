"""What tells a network's weights from any others."""

import hashlib

import torch


def sha256_of_weights(module: torch.nn.Module) -> str:
    """SHA-256 of names, dtypes, shapes and bytes of a network's weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
