"""What a latent diffusion model already knows about a picture while it is still noise.

    import underpainting

    study = underpainting.Study.create("study", prompts="prompts.csv", model=pipe)
    study.run()

    model = underpainting.load("stilllife")
    denoised = model.denoise(["a blue mug on a wooden floor"], [7], watch=["up.3.0"], on_step=look)
    fitted = underpainting.fit(activations, labels)

Names are imported when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from underpainting.errors import UnderpaintingError

if TYPE_CHECKING:
    from underpainting.api import Study as Study
    from underpainting.captures.read import Captures as Captures
    from underpainting.captures.write import capture as capture
    from underpainting.diffusion import attach as attach
    from underpainting.diffusion import load as load
    from underpainting.observers.classifiers import load_classifier as load_classifier
    from underpainting.observers.estimators import load_estimator as load_estimator
    from underpainting.probes import ProbeSet as ProbeSet
    from underpainting.probes import fit as fit


__version__ = "0.1.0"

_HOMES = {
    "Captures": "underpainting.captures.read",
    "ProbeSet": "underpainting.probes",
    "Study": "underpainting.api",
    "attach": "underpainting.diffusion",
    "capture": "underpainting.captures.write",
    "fit": "underpainting.probes",
    "load": "underpainting.diffusion",
    "load_classifier": "underpainting.observers.classifiers",
    "load_estimator": "underpainting.observers.estimators",
}

__all__ = ["UnderpaintingError", "__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
