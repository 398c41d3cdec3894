"""VGG-16 (Simonyan and Zisserman 2015) with torchvision's ImageNet weights, as the published study used."""

import torch

from underpainting.errors import UnderpaintingError
from underpainting.observers.network_classifier import NetworkClassifier
from underpainting.observers.registry import Device, ObserverEntry, register
from underpainting.observers.saved import fill
from underpainting.readers import read_state, reading, sha256_file
from underpainting.weights import TorchFile, Weights, Work

VGG16 = TorchFile(
    "vgg16",
    "https://download.pytorch.org/models/vgg16-397923af.pth",
    528_000_000,
    "BSD-3-Clause",
    works=(
        Work(
            "simonyan2014",
            "Simonyan, Karen and Zisserman, Andrew",
            "Very Deep Convolutional Networks for Large-Scale Image Recognition",
            2014,
            "1409.1556",
        ),
    ),
)


def load_vgg16(weights: Weights, device: Device = None) -> NetworkClassifier:
    """VGG-16 from a checkpoint `NAME-HASH.pth`.

    The file's SHA-256 must begin with the HASH of its name, as torch's hub has it. Nothing is fetched.
    Raises UnderpaintingError where torchvision or the file is missing, or the file is not what it is named.
    """
    try:
        from torchvision.models import VGG16_Weights, vgg16
    except ImportError:
        raise UnderpaintingError(
            "classifier 'vgg16' needs torchvision: pip install 'underpainting[classifiers]'"
        ) from None
    path = weights.require()
    about, remedy = "checkpoint of VGG-16", "fetch it again"
    wanted = path.stem.rpartition("-")[2]
    with reading(path, about, remedy):
        digest = sha256_file(path)
    if not wanted or not digest.startswith(wanted):
        raise UnderpaintingError(
            f"{path} is not what its name says: its SHA-256 begins with {digest[:8]}; fetch it again"
        )
    state = read_state(path, about, remedy)
    with torch.device("meta"):  # without drawing weights that are not used
        network = vgg16(weights=None)
    fill(network.to_empty(device="cpu"), state, f"{path} holds no weights of VGG-16", remedy)
    torchvisions = VGG16_Weights.IMAGENET1K_V1
    return NetworkClassifier(
        network, torchvisions.transforms(), torchvisions.meta["categories"], name=VGG16.name, device=device
    )


register(
    ObserverEntry(
        VGG16.name,
        "classifier",
        gives="ImageNet's 1000 classes",
        load=load_vgg16,
        weights=VGG16,
        recognises=lambda file: file.is_file() and file.suffix == ".pth",
    )
)
