"""Image classifiers of transformers, from a folder or from the hub's cache."""

from pathlib import Path

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError, reason
from underpainting.observers.classifiers.network import NetworkClassifier


def load_hub(folder: Path, name: str, *, device: str | torch.device | None = None) -> NetworkClassifier:
    """Whatever `AutoModelForImageClassification` and `AutoImageProcessor` load; name: what it is called.

    Raises UnderpaintingError where they do not.
    """
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    try:
        network = AutoModelForImageClassification.from_pretrained(folder, local_files_only=True)
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise UnderpaintingError(
            f"classifier {name!r} in {folder} cannot be loaded by transformers: {reason(error)}"
        ) from None

    def prepare(pictures: Tensor) -> Tensor:
        levels = (pictures * 255).round().to(torch.uint8).cpu()
        ready: Tensor = processor(images=list(levels), return_tensors="pt")["pixel_values"]
        return ready.to(pictures.device)

    names = [network.config.id2label[i] for i in range(network.config.num_labels)]
    return NetworkClassifier(network, prepare, names, name=name, device=device)
