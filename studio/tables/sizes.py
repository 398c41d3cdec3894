"""What watching costs at the sizes of models that people use, with random weights."""

from __future__ import annotations

from studio.tables.cells import table
from studio.tables.files import printed

V1_4, FLUX = (
    ("one step, both branches", "least s", "over bare"),
    ("one step", "median s", "least s", "over bare"),
)
ON_GPU = ("model", "4 pictures, 10 steps", "least s", "pictures/s", "over bare", "most GB")


def stable_diffusion() -> str:
    """One step of Stable Diffusion v1.4's own architecture."""
    return table(V1_4, printed("sizes", "sd_size", V1_4))


def flux() -> str:
    """One step of two blocks of FLUX.2's width."""
    return table(FLUX, printed("sizes", "flux_size", FLUX))


def gpu() -> str:
    """Ten steps of four pictures on a GPU, of both models that people use most."""
    return table(ON_GPU, printed("gpu", "gpu", ON_GPU))
