"""Shading by Intrinsic (Careaga and Aksoy 2023, arXiv 2311.12792), an optional academic package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.observers.fingerprints import fingerprint, joined
from underpainting.observers.registry import Device, ObserverEntry, register
from underpainting.observers.saved import loading
from underpainting.weights import TorchFile, Weights, Work, lacking

PAPER = TorchFile(
    "intrinsic",
    "https://github.com/compphoto/Intrinsic/releases/download/v1.0/final_weights.pt",
    480_000_000,
    "academic use only",
    works=(
        Work(
            "careaga2023",
            "Careaga, Chris and Aksoy, Yağız",  # noqa: RUF001
            "Intrinsic Image Decomposition via Ordinal Shading",
            2023,
            "2311.12792",
        ),
    ),
)
PACKAGE = "pip install git+https://github.com/compphoto/Intrinsic"
DARKEST = 1e-3  # of inverse shading, so that shading stays finite


class IntrinsicEstimator:
    """`shading`, from 0, of the grey stage: inverse shading i in 0..1, turned back into 1 / i - 1."""

    properties = ("shading",)
    name = PAPER.name

    def __init__(self, pipeline: Any, models: Mapping[str, Any], device: torch.device) -> None:
        """pipeline: the module `intrinsic.pipeline`. models: what its `load_models` gave, on device."""
        self._pipeline, self._models, self._device = pipeline, models, device
        self.fingerprint = joined(fingerprint(model) for _, model in sorted(models.items()))

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Mapping[str, Tensor]:
        """`shading` [picture, height, width] of pictures [picture, 3, height, width] in 0..1, one by one."""
        return {"shading": torch.stack([self._shading(picture) for picture in pictures])}

    def _shading(self, picture: Tensor) -> Tensor:
        maps = self._pipeline.run_gray_pipeline(
            self._models,
            picture.permute(1, 2, 0).cpu().float().numpy(),
            maintain_size=True,
            device=self._device,
        )
        inverse = torch.from_numpy(maps["gry_shd"]).float().clamp(DARKEST, 1)
        return 1 / inverse - 1


@contextmanager
def _code_from_here() -> Iterator[None]:
    """Let the package find its networks' code where torch's hub keeps it, not on the network."""
    hub: Any = torch.hub
    load = hub.load

    def from_here(repository: str, *arguments: Any, **options: Any) -> Any:
        home, name = Path(hub.get_dir()), repository.partition(":")[0]
        folder = next(home.glob(f"{name.replace('/', '_')}_*"), None)
        if folder is None:
            where = home / f"{name.replace('/', '_')}_master"
            command = f"git clone https://github.com/{name} {where}"
            raise UnderpaintingError(lacking(f"code of {name}, which intrinsic needs,", where, command))
        return load(str(folder), *arguments, **{**options, "source": "local"})

    hub.load = from_here
    try:
        yield
    finally:
        hub.load = load


def load_intrinsic(weights: Weights, device: Device = None) -> IntrinsicEstimator:
    """The weights of the paper, where torch keeps those of its hub. Nothing is fetched.

    Raises UnderpaintingError where the package, the weights or the code of a network are missing.
    """
    target = torch.device(device or "cpu")
    try:
        pipeline = import_module("intrinsic.pipeline")
    except ImportError:
        raise UnderpaintingError(
            f"estimator {weights.name!r} needs its package ({weights.licence}): `{PACKAGE}`"
        ) from None
    with loading(weights), _code_from_here():
        models = pipeline.load_models("paper_weights", stage=1, device=target)
    return IntrinsicEstimator(pipeline, models, target)


register(ObserverEntry(PAPER.name, "estimator", gives="shading", load=load_intrinsic, weights=PAPER))
