"""Schedulers by name."""

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
    unstated = set(own.config.get("_use_default_values", ()))
    missing = {key: value for key, value in wanted.items() if key not in own.config or key in unstated}
    return getattr(diffusers, kind).from_config(own.config, **missing)
