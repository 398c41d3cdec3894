"""The still life: the small latent diffusion model, estimator and classifier that ship with the package."""

from pathlib import Path


def folder() -> Path:
    """Folder that holds `pipeline/`, `estimator/`, `classifier/` and the model card."""
    return Path(__file__).parent
