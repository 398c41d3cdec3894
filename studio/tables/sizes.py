"""What watching costs at the sizes of models that people use, with random weights."""

from __future__ import annotations

from studio.tables.cells import table
from studio.tables.files import printed

V1_4, FLUX = (
    ("one step, both branches", "least s", "over bare"),
    ("one step", "median s", "least s", "over bare"),
)


def stable_diffusion() -> str:
    """One step of Stable Diffusion v1.4's own architecture."""
    return table(V1_4, printed("sizes", "sd_size", V1_4))


def flux() -> str:
    """One step of two blocks of FLUX.2's width."""
    return table(FLUX, printed("sizes", "flux_size", FLUX))
