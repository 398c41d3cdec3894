"""VGG-16 (Simonyan and Zisserman 2015) with torchvision's ImageNet weights, as the published study used."""

import hashlib
from pathlib import Path

import torch

from underpainting.errors import UnderpaintingError, reason
from underpainting.observers.classifiers.network import NetworkClassifier
from underpainting.weights import TorchFile

VGG16 = TorchFile(
    "vgg16", "https://download.pytorch.org/models/vgg16-397923af.pth", 528_000_000, "BSD-3-Clause"
)


def load_vgg16(
    checkpoint: Path | None = None, *, device: str | torch.device | None = None
) -> NetworkClassifier:
    """VGG-16 from a checkpoint `NAME-HASH.pth`; none given, from where torch keeps torchvision's.

    The file's SHA-256 must begin with the HASH of its name, as torch's hub has it. Nothing is fetched.
    Raises UnderpaintingError where torchvision or the file is missing, or the file is not what it is named.
    """
    try:
        from torchvision.models import VGG16_Weights, vgg16
    except ImportError:
        raise UnderpaintingError(
            "classifier 'vgg16' needs torchvision: pip install 'underpainting[classifiers]'"
        ) from None
    weights = VGG16_Weights.IMAGENET1K_V1
    path = VGG16.require(checkpoint)
    wanted = path.stem.rpartition("-")[2]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not wanted or not digest.startswith(wanted):
        raise UnderpaintingError(
            f"{path} is not what its name says: its SHA-256 begins with {digest[:8]}; fetch it again"
        )
    network = vgg16(weights=None)
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise UnderpaintingError(f"{path} holds no weights of VGG-16: {reason(error)}") from None
    prepare = weights.transforms()
    return NetworkClassifier(network, prepare, weights.meta["categories"], name="vgg16", device=device)
