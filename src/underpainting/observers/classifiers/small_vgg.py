"""A small VGG-style classifier of an object's class and colour."""

from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from underpainting import stilllife
from underpainting.errors import UnderpaintingError
from underpainting.observers.registry import Device, ObserverEntry, register
from underpainting.observers.saved import glance, load_weights, read_config, save_model
from underpainting.weights import SavedModel, Weights

WIDTHS = (16, 32, 64, 128, 128)


class SmallVGG(nn.Module):
    """Pictures [picture, 3, height, width] in 0..1 to logits [picture, classes] and [picture, colours].

    Pairs of 3 x 3 convolutions between poolings, widening (Simonyan and Zisserman 2015), with batch norms
    and a pooled head.
    """

    def __init__(self, classes: int, colours: int) -> None:
        """How many classes and colours there are."""
        super().__init__()
        layers: list[nn.Module] = [nn.AvgPool2d(2)]
        inputs = 3
        for width in WIDTHS:
            for _ in range(2):
                layers += [
                    nn.Conv2d(inputs, width, 3, padding=1, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                ]
                inputs = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classes, self.colours = nn.Linear(inputs, classes), nn.Linear(inputs, colours)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        features = self.features(pictures * 2 - 1)
        return self.classes(features), self.colours(features)


class SmallClassifier:
    """Names the class of the object in a picture (calling it), and its colour (`colour_of`).

    `classes` and `colours` are the names, in the order of the probabilities.
    """

    def __init__(
        self,
        network: SmallVGG,
        names: dict[str, list[str]],
        *,
        name: str,
        fingerprint: str,
        device: torch.device,
    ) -> None:
        """Use `from_pretrained`."""
        self.network = network.to(device).eval().requires_grad_(False)
        self.classes, self.colours = names["classes"], names["colours"]
        self.name, self.fingerprint, self.device = name, fingerprint, device

    @classmethod
    def from_pretrained(
        cls, folder: Path, *, name: str | None = None, device: str | torch.device | None = None
    ) -> Self:
        """The classifier saved in ``folder`` (`config.json`, `model.safetensors`).

        Raises UnderpaintingError where files are missing, damaged or of another architecture.
        """
        names = _names(read_config(folder), folder)
        network = SmallVGG(len(names["classes"]), len(names["colours"]))
        fingerprint = load_weights(network, folder)
        where = torch.device(device or "cpu")
        return cls(network, names, name=name or folder.name, fingerprint=fingerprint, device=where)

    def __call__(self, pictures: Tensor) -> Tensor:
        """Probabilities [picture, class] from pictures [picture, 3, height, width] in 0..1."""
        return self._probabilities(pictures)[0]

    def colour_of(self, pictures: Tensor) -> Tensor:
        """Probabilities [picture, colour] from pictures [picture, 3, height, width] in 0..1."""
        return self._probabilities(pictures)[1]

    @torch.no_grad()
    def features(self, pictures: Tensor) -> Tensor:
        """What both answers are read from [picture, feature], of pictures as for a call."""
        features: Tensor = self.network.features(pictures.to(self.device, torch.float32) * 2 - 1)
        return features

    @torch.no_grad()
    def _probabilities(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        classes, colours = self.network(pictures.to(self.device, torch.float32))
        return classes.softmax(1), colours.softmax(1)


def save_classifier(network: SmallVGG, classes: list[str], colours: list[str], folder: Path) -> None:
    """Saves what `SmallClassifier.from_pretrained` loads."""
    save_model(network, {"architecture": "SmallVGG", "classes": classes, "colours": colours}, folder)


def _names(config: dict[str, Any], folder: Path) -> dict[str, list[str]]:
    names = {key: config.get(key) for key in ("classes", "colours")}
    for key, value in names.items():
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            raise UnderpaintingError(f"config.json in {folder} needs {key!r}, a list of names, not {value!r}")
    return names  # type: ignore[return-value]


def load_small_vgg(weights: Weights, device: Device = None) -> SmallClassifier:
    """The classifier of a folder; its errors are those of `SmallClassifier.from_pretrained`."""
    return SmallClassifier.from_pretrained(weights.require(), name=weights.name, device=device)


register(
    ObserverEntry(
        "stilllife",
        "classifier",
        gives="ten classes, eight colours",
        load=load_small_vgg,
        weights=SavedModel("stilllife", stilllife.folder() / "classifier", "Apache-2.0"),
        recognises=lambda folder: "classes" in glance(folder),
    )
)
