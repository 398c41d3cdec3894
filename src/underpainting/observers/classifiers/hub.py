"""Image classifiers of transformers, by folder or by name on the hub."""

from pathlib import Path

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.observers.classifiers.network import NetworkClassifier


def load_hub(name: str | Path, *, device: str | torch.device | None = None) -> NetworkClassifier:
    """Whatever `AutoModelForImageClassification` and `AutoImageProcessor` load.

    Raises UnderpaintingError where they do not.
    """
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    try:
        network = AutoModelForImageClassification.from_pretrained(name)
        processor = AutoImageProcessor.from_pretrained(name)
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise UnderpaintingError(
            f"classifier {str(name)!r} cannot be loaded by transformers: {reason}"
        ) from None

    def prepare(pictures: Tensor) -> Tensor:
        levels = (pictures * 255).round().to(torch.uint8).cpu()
        ready: Tensor = processor(images=list(levels), return_tensors="pt")["pixel_values"]
        return ready.to(pictures.device)

    names = [network.config.id2label[i] for i in range(network.config.num_labels)]
    return NetworkClassifier(network, prepare, names, name=Path(name).name, device=device)
