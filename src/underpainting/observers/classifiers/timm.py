"""Image classifiers of timm (Wightman 2019), from a folder or from where timm's weights are kept."""

from typing import Any

from underpainting.errors import UnderpaintingError, nearest
from underpainting.observers.network_classifier import NetworkClassifier, Prepare
from underpainting.observers.registry import Device, ObserverEntry, register
from underpainting.observers.saved import glance, loading
from underpainting.weights import READABLE, Checkpoint, TorchFile, Weights

PREFIX = "timm:"


def load_timm(weights: Weights, device: Device = None) -> NetworkClassifier:
    """A pretrained timm model, from where timm or the hub's cache keeps it, or from a folder that timm saved.

    Raises UnderpaintingError where timm, the weights or the names of its classes are missing.
    """
    name = weights.name.removeprefix(PREFIX)
    try:
        import timm
        from timm.data import resolve_model_data_config
    except ImportError:
        raise UnderpaintingError(
            f"classifier {name!r} needs timm: pip install 'underpainting[classifiers]'"
        ) from None
    with loading(weights) as path:
        if (path / "config.json").is_file():
            network = timm.create_model(f"local-dir:{path}", pretrained=True)
        else:  # timm itself keeps the weights alone
            inside = (file for file in path.iterdir() if file.suffix in READABLE)
            file = path if path.is_file() else next(inside)
            network = timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": str(file)})
        prepare, classes = _prepare(resolve_model_data_config(network)), _classes(network, name)
    return NetworkClassifier(network, prepare, classes, name=name, device=device)


def timm_weights(name: str) -> Checkpoint | TorchFile:
    """Where the weights of a timm model are: `resnet18`, `resnet18.a1_in1k` or `hf-hub:OWNER/NAME`.

    Raises UnderpaintingError where timm has no weights of that name.
    """
    called = f"{PREFIX}{name}"
    if name.startswith("hf-hub:"):
        return Checkpoint(called, name.removeprefix("hf-hub:"))
    try:
        from timm.models import get_pretrained_cfg, list_pretrained
    except ImportError:
        return Checkpoint(called, f"timm/{name}")
    try:
        known = get_pretrained_cfg(name)
    except RuntimeError:  # of the network, but not of the weights' tag
        known = None
    if known is not None and known.hf_hub_id:
        return Checkpoint(called, known.hf_hub_id, licence=known.license or "")
    if known is not None and known.url:
        return TorchFile(called, known.url, licence=known.license or "")
    names = {tagged if "." in name else tagged.partition(".")[0] for tagged in list_pretrained()}
    near = nearest(name, sorted(names))
    raise UnderpaintingError(f"timm has no weights {name!r}; nearest are {', '.join(near) or 'none'}")


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
        return [str(described.get(label, label)) for label in named]
    if subset := infer_imagenet_subset(network):
        info = ImageNetInfo(subset)
        return [info.index_to_description(i) for i in range(info.num_classes())]
    raise UnderpaintingError(
        f"classifier {name!r} does not name its {network.num_classes} classes; give label_names in its config"
    )


def weights_of_name(name: str) -> Weights | None:
    """The weights of `timm:NAME`; None where a name is none of timm's."""
    return timm_weights(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None


register(
    ObserverEntry(
        f"{PREFIX}NAME",
        "classifier",
        gives="the classes of its config",
        load=load_timm,
        family=weights_of_name,
        recognises=lambda folder: "pretrained_cfg" in glance(folder),
    )
)
