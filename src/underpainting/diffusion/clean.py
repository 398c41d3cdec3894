"""The clean latents a network output points to, for every parametrisation."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch

from underpainting.errors import UnderpaintingError

Space = Literal["sigma", "variance preserving", "flow"]

SPACES: dict[str, Space] = {
    "LMSDiscreteScheduler": "sigma",
    "EulerDiscreteScheduler": "sigma",
    "EulerAncestralDiscreteScheduler": "sigma",
    "HeunDiscreteScheduler": "sigma",
    "KDPM2DiscreteScheduler": "sigma",
    "KDPM2AncestralDiscreteScheduler": "sigma",
    "DDIMScheduler": "variance preserving",
    "DDPMScheduler": "variance preserving",
    "PNDMScheduler": "variance preserving",
    "DPMSolverMultistepScheduler": "variance preserving",
    "DPMSolverSinglestepScheduler": "variance preserving",
    "UniPCMultistepScheduler": "variance preserving",
    "DEISMultistepScheduler": "variance preserving",
    "FlowMatchEulerDiscreteScheduler": "flow",
    "FlowMatchHeunDiscreteScheduler": "flow",
}


@dataclass(frozen=True)
class NoiseLevel:
    """Where on the schedule a network evaluation is.

    space: how latents x mix clean latents c and noise n: `sigma` x = c + sigma n; `variance preserving`
    x = (c + sigma n) / sqrt(1 + sigma^2); `flow` x = (1 - sigma) c + sigma n.
    prediction: `epsilon`, `v_prediction`, `sample` or `flow_prediction`.
    """

    space: Space
    sigma: float
    prediction: str

    @property
    def scale(self) -> float:
        """Standard deviation of the latents where the clean ones have 1."""
        if self.space == "variance preserving":
            return 1.0
        return math.hypot(1 if self.space == "sigma" else 1 - self.sigma, self.sigma)


def noise_level(scheduler: Any, timestep: float) -> NoiseLevel:
    """The noise level of the evaluation that a scheduler is about to step over; read it before the step.

    Raises UnderpaintingError for a scheduler or prediction type whose formula is not known.
    """
    name = type(scheduler).__name__
    prediction = str(scheduler.config.get("prediction_type", "flow_prediction"))
    space = SPACES.get(name)
    if space is None:
        raise UnderpaintingError(
            f"predicted clean latents are not known for {name}: use one of {', '.join(sorted(SPACES))}"
        )
    if space == "variance preserving" and (
        prediction == "flow_prediction" or scheduler.config.get("use_flow_sigmas", False)
    ):
        space, prediction = "flow", "flow_prediction"
    known = ("flow_prediction",) if space == "flow" else ("epsilon", "v_prediction", "sample")
    if prediction not in known:
        raise UnderpaintingError(f"{name} has prediction type {prediction}: known are {', '.join(known)}")
    return NoiseLevel(space, _sigma(scheduler, timestep), prediction)


def predicted_clean(level: NoiseLevel, latents: torch.Tensor, network_output: torch.Tensor) -> torch.Tensor:
    """Clean latents [picture, channel, h, w], float32 and not clipped, that a network output points to.

    Salimans and Ho 2022 (arXiv 2202.00512) for v; Karras et al. 2022 (arXiv 2206.00364) for sigma space.
    """
    x, out, sigma = latents.float(), network_output.float(), level.sigma
    if level.prediction == "sample":
        return out
    if level.space == "flow":
        return x - sigma * out
    scale = math.sqrt(1 + sigma**2)
    if level.space == "sigma":
        return x - sigma * out if level.prediction == "epsilon" else x / scale**2 - sigma / scale * out
    return scale * x - sigma * out if level.prediction == "epsilon" else x / scale - sigma / scale * out


def _sigma(scheduler: Any, timestep: float) -> float:
    """The scheduler's own sigma where it keeps a list of them, else that of its cumulative alphas."""
    if hasattr(scheduler, "sigmas"):
        index = scheduler.step_index
        if index is None:  # some schedulers find their place only inside the first step
            index = scheduler.begin_index or 0
        return float(scheduler.sigmas[index])
    alpha = float(scheduler.alphas_cumprod[int(timestep)])
    return math.sqrt((1 - alpha) / alpha)
