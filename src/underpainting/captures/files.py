"""The files of a capture: their names, whose they are, and how an image's is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from underpainting.diffusion import Layer
from underpainting.errors import UnderpaintingError
from underpainting.readers import opened_tensors, read_json
from underpainting.records import is_lost, replacing, require_whole, sha256_file
from underpainting.study.paths import ASIDE
from underpainting.study.request.prompts import PromptRow

CARD = "capture.json"
PICTURE = "picture"
ABOUT, DIGESTS = "about", "digests"
"""Entry of a file's header, as JSON: the image's row, and by name what `digest` gave of each tensor."""

AGAIN = "remove it and give the same capture again"


def tensor_name(layer: str, step: int, branch: str) -> str:
    """Name of a place's activations [token, channel] in an image's file, such as `up.3.0/5/conditional`."""
    return f"{layer}/{step}/{branch}"


def image_file(folder: Path, image: str) -> Path:
    """Where an image's activations are; the file exists when it is whole."""
    return folder / f"{image}.safetensors"


def activation_bytes(
    layers: Sequence[Layer], steps: Sequence[int], branches: Sequence[str], dtype: str
) -> int:
    """Size of one image's activations."""
    values = sum(layer.tokens * layer.channels for layer in layers)
    element = torch.empty(0, dtype=getattr(torch, dtype)).element_size()
    return values * len(steps) * len(branches) * element


def digest(owner: str, image: str, name: str, tensor: Tensor) -> str:
    """SHA-256 of a tensor as what it is: the owner's, of this image and place, of its type and shape."""
    of = json.dumps([owner, image, name, str(tensor.dtype), list(tensor.shape)])
    values = tensor.contiguous().flatten().view(torch.uint8).numpy()
    sha = hashlib.sha256(of.encode())
    sha.update(values.data)
    return sha.hexdigest()


def owner_of(folder: Path) -> str:
    """Whose the images of a folder are: its card's. Raises UnderpaintingError where there is none."""
    path = folder / CARD
    if not path.is_file():
        raise UnderpaintingError(f"{path}: missing; put it back, or capture to another folder")
    return owner_by(sha256_file(path))


def owner_by(card: str) -> str:
    """Whose images are, by the SHA-256 of their card."""
    return f"capture {card}"


def set_aside(folder: Path) -> dict[str, str]:
    """Why pictures of a capture were set aside, by image. Raises UnderpaintingError where that is damaged."""
    path = folder / ASIDE
    if not (path.exists() or is_lost(path)):
        return {}
    require_whole(path, AGAIN, owner_of(folder))
    return read_json(path)


def about(row: PromptRow) -> dict[str, Any]:
    """What is said of an image."""
    return {"image": row.image, "prompt": row.prompt, "seed": row.seed, "prompt_ind": row.prompt_ind}


def image_fault(path: Path, owner: str) -> str | None:
    """What is wrong with an image's file, in one line; None where all its tensors are what was written."""
    try:
        with opened_tensors(path, "file of activations", AGAIN) as file:
            kept = json.loads(file.metadata()[ABOUT])
            for name, expected in kept[DIGESTS].items():
                if digest(owner, kept["image"], name, file.get_tensor(name)) != expected:
                    raise ValueError(f"contents of {name} changed, or of another capture")
    except UnderpaintingError as error:
        return str(error)
    return None


def write_image(folder: Path, owner: str, row: PromptRow, tensors: Mapping[str, Tensor]) -> None:
    """Write an image's tensors, with what proves each to be the one that was written."""
    digests = {name: digest(owner, row.image, name, tensor) for name, tensor in tensors.items()}
    metadata = {ABOUT: json.dumps({**about(row), DIGESTS: digests})}  # one entry: several come in any order
    with replacing(image_file(folder, row.image)) as temporary:
        save_file({name: x.contiguous() for name, x in tensors.items()}, temporary, metadata=metadata)
