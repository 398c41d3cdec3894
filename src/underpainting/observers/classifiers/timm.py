"""Image classifiers of timm (Wightman 2019)."""

from pathlib import Path
from typing import Any

import torch

from underpainting.errors import UnderpaintingError
from underpainting.observers.classifiers.network import NetworkClassifier, Prepare


def load_timm(
    name: str, *, folder: Path | None = None, device: str | torch.device | None = None
) -> NetworkClassifier:
    """A pretrained timm model by name, or from a folder that timm saved for the hub.

    Raises UnderpaintingError where timm, the weights or the names of its classes are missing.
    """
    try:
        import timm
        from timm.data import resolve_model_data_config
    except ImportError:
        raise UnderpaintingError(
            f"classifier {name!r} needs timm: pip install 'underpainting[classifiers]'"
        ) from None
    try:
        network = timm.create_model(f"local-dir:{folder}" if folder else name, pretrained=True)
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise UnderpaintingError(f"classifier {name!r} cannot be loaded by timm: {reason}") from None
    return NetworkClassifier(
        network,
        _prepare(resolve_model_data_config(network)),
        _classes(network, name),
        name=name,
        device=device,
    )


def _prepare(config: dict[str, Any]) -> Prepare:
    """What timm does to a picture before the network sees it, on tensors."""
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize

    side = config["input_size"][-1]
    resize = Resize(
        round(side / config["crop_pct"]), InterpolationMode(config["interpolation"]), antialias=True
    )
    prepare: Prepare = Compose([resize, CenterCrop(side), Normalize(config["mean"], config["std"])])
    return prepare


def _classes(network: Any, name: str) -> list[str]:
    from timm.data import ImageNetInfo, infer_imagenet_subset

    config = network.pretrained_cfg
    if named := config.get("label_names"):
        described = config.get("label_descriptions") or {}
        return [described.get(of, of) for of in named]
    if subset := infer_imagenet_subset(network):
        info = ImageNetInfo(subset)
        return [info.index_to_description(i) for i in range(info.num_classes())]
    raise UnderpaintingError(
        f"classifier {name!r} does not name its {network.num_classes} classes; give label_names in its config"
    )
