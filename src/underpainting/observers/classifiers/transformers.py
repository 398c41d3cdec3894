"""Image classifiers of transformers, from a folder or from the hub's cache."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from underpainting.observers.network_classifier import NetworkClassifier
from underpainting.observers.registry import Device, ObserverEntry, register
from underpainting.observers.saved import glance, loading
from underpainting.weights import Checkpoint, Weights, is_repository


def load_transformers(weights: Weights, device: Device = None) -> NetworkClassifier:
    """Whatever `AutoModelForImageClassification` and `AutoImageProcessor` load.

    Raises UnderpaintingError where the weights are missing, or these do not load them.
    """
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    name = weights.name.rpartition("/")[2]
    only: Any = {"local_files_only": True, "trust_remote_code": False}
    with loading(weights, "classifier") as folder:
        network = AutoModelForImageClassification.from_pretrained(folder, **only)
        processor = AutoImageProcessor.from_pretrained(folder, **only)

    def prepare(pictures: Tensor) -> Tensor:
        levels = (pictures * 255).round().to(torch.uint8).cpu()
        ready: Tensor = processor(images=list(levels), return_tensors="pt")["pixel_values"]
        return ready.to(pictures.device)

    names = [network.config.id2label[i] for i in range(network.config.num_labels)]
    return NetworkClassifier(network, prepare, names, name=name, device=device)


def repository(name: str) -> Checkpoint | None:
    """The weights of a name of the hub, `OWNER/NAME`; None where it is none."""
    return Checkpoint(name, name) if is_repository(name) and ":" not in name else None


def is_saved_by_transformers(folder: Path) -> bool:
    """Whether transformers saved what lies in a folder; what timm saves is timm's to load."""
    config = glance(folder)
    return "model_type" in config and "pretrained_cfg" not in config


register(
    ObserverEntry(
        "OWNER/NAME",
        "classifier",
        gives="the classes of its config",
        load=load_transformers,
        family=repository,
        recognises=is_saved_by_transformers,
    )
)
