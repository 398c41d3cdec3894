"""What tells an observer from any other: hashes of its weights."""

import hashlib
from collections.abc import Iterable

import torch
from torch import nn


def fingerprint(network: nn.Module) -> str:
    """SHA-256 of the names and bytes of a network's weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def joined(fingerprints: Iterable[str]) -> str:
    """One fingerprint of several."""
    return hashlib.sha256("\n".join(fingerprints).encode()).hexdigest()
