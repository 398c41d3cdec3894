"""Schedulers by name, and which network evaluations make up a step."""

from typing import TYPE_CHECKING, Any

from underpainting.diffusion.clean import SPACES
from underpainting.errors import UnderpaintingError

if TYPE_CHECKING:
    from underpainting.diffusion.model import Model

SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "lms": ("LMSDiscreteScheduler", {}),
    "ddim": ("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}),
    "euler": ("EulerDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "dpm++": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "pndm": ("PNDMScheduler", {"skip_prk_steps": True, "set_alpha_to_one": False, "steps_offset": 1}),
}


def use_scheduler(model: "Model", name: str) -> "Model":
    """Give the model's pipeline a scheduler by name, built from the one it has; returns the model.

    Names: `lms`, `ddim`, `euler`, `heun`, `dpm++`, `pndm`, and `pipeline` for the one it was loaded with.
    What the present configuration does not state is as in Stable Diffusion's own (no clipping of latents).
    Raises UnderpaintingError for another name, and where the network is a flow's, which keeps its own.
    """
    if name == "pipeline":
        model.pipe.scheduler = model.own_scheduler
        return model
    if name not in SCHEDULERS:
        names = ", ".join([*SCHEDULERS, "pipeline"])
        raise UnderpaintingError(f"unknown scheduler {name}: use one of {names}")
    import diffusers

    kind, wanted = SCHEDULERS[name]
    own = type(model.own_scheduler).__name__
    if SPACES.get(own) == "flow":
        raise UnderpaintingError(
            f"scheduler {name} does not fit a flow's network, which has {own}: give pipeline"
        )
    config = model.own_scheduler.config
    unstated = set(config.get("_use_default_values", ()))
    missing = {key: value for key, value in wanted.items() if key not in config or key in unstated}
    model.pipe.scheduler = getattr(diffusers, kind).from_config(config, **missing)
    return model


def steps_of_evaluations(scheduler: Any, steps: int) -> list[int]:
    """The step, from 1, of each network evaluation, for a scheduler that has been given `steps` steps.

    One evaluation a step for most; Heun spends two on all steps but the last, PNDM's linear multistep two on
    the first, its Runge-Kutta start four on each of three. Raises UnderpaintingError if the counts fit none
    of these.
    """
    count = len(scheduler.timesteps)
    if type(scheduler).__name__ == "PNDMScheduler":
        runge_kutta = len(scheduler.prk_timesteps)
        if runge_kutta:
            first = [i // 4 + 1 for i in range(runge_kutta)]
            return first + [first[-1] + 1 + i for i in range(count - runge_kutta)]
        return [max(1, i) for i in range(count)]
    if count == steps:
        return list(range(1, steps + 1))
    if count == 2 * steps - 1:
        return [i // 2 + 1 for i in range(count)]
    raise UnderpaintingError(
        f"{type(scheduler).__name__} makes {count} network evaluations of {steps} steps, an unknown pattern: "
        f"use another number of steps or one of {', '.join(SCHEDULERS)}"
    )
