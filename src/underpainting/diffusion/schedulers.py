"""Schedulers by name."""

import inspect
from collections.abc import Sequence
from typing import Any

from underpainting.diffusion.clean import SPACES
from underpainting.errors import UnderpaintingError

SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "lms": ("LMSDiscreteScheduler", {}),
    "ddim": ("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}),
    "euler": ("EulerDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "dpm++": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "pndm": ("PNDMScheduler", {"skip_prk_steps": True, "set_alpha_to_one": False, "steps_offset": 1}),
}

OF_THE_NETWORK = ("rescale_betas_zero_snr", "trained_betas")
"""Settings of a scheduler that belong to the noise that a network was trained with, off where not stated."""


def scheduler_named(name: str, own: Any) -> Any:
    """A scheduler by name, built from the one that a pipeline was loaded with; see `Model.use_scheduler`."""
    if name == "pipeline":
        return own
    if name not in SCHEDULERS:
        names = ", ".join([*SCHEDULERS, "pipeline"])
        raise UnderpaintingError(f"unknown scheduler {name}: use one of {names}")
    import diffusers

    kind, wanted = SCHEDULERS[name]
    if SPACES.get(type(own).__name__) == "flow":
        raise UnderpaintingError(
            f"scheduler {name} does not fit a flow's network, which has {type(own).__name__}: give pipeline"
        )
    stated = [key for key in OF_THE_NETWORK if own.config.get(key)]
    if dropped := _unknown(kind, stated):
        others = [other for other, (its, _) in SCHEDULERS.items() if not _unknown(its, stated)]
        raise UnderpaintingError(
            f"scheduler {name} does not know {dropped[0]}, which this model's network was trained with: give "
            f"{', '.join([*others, 'pipeline'])}"
        )
    unstated = set(own.config.get("_use_default_values", ()))
    missing = {key: value for key, value in wanted.items() if key not in own.config or key in unstated}
    return getattr(diffusers, kind).from_config(own.config, **missing)


def _unknown(kind: str, settings: Sequence[str]) -> list[str]:
    """Settings that a scheduler's class does not take, and would drop in silence."""
    import diffusers

    takes = inspect.signature(getattr(diffusers, kind).__init__).parameters
    return [setting for setting in settings if setting not in takes]
