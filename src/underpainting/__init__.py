"""What a latent diffusion model already knows about a picture while it is still noise.

    import underpainting

    model = underpainting.load("stilllife")
    denoised = model.denoise(["a blue mug on a wooden floor"], [7], watch=["up.3.0"], on_step=look)
    fitted = underpainting.fit(activations, labels)

Names are imported when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from underpainting.errors import UnderpaintingError

if TYPE_CHECKING:
    from underpainting.captures.read import Captures
    from underpainting.captures.write import capture
    from underpainting.diffusion import attach, load
    from underpainting.observers.classifiers import load_classifier
    from underpainting.observers.estimators import load_estimator
    from underpainting.probes import Moments, ProbeSet, fit
    from underpainting.study.frames import read_labels, read_tables

__version__ = "0.1.0"

__all__ = [
    "Captures",
    "Moments",
    "ProbeSet",
    "UnderpaintingError",
    "__version__",
    "attach",
    "capture",
    "fit",
    "load",
    "load_classifier",
    "load_estimator",
    "read_labels",
    "read_tables",
]

_HOMES = {
    "attach": "underpainting.diffusion",
    "capture": "underpainting.captures.write",
    "Captures": "underpainting.captures.read",
    "fit": "underpainting.probes",
    "load": "underpainting.diffusion",
    "load_classifier": "underpainting.observers.classifiers",
    "load_estimator": "underpainting.observers.estimators",
    "read_labels": "underpainting.study.frames",
    "read_tables": "underpainting.study.frames",
    "Moments": "underpainting.probes",
    "ProbeSet": "underpainting.probes",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
