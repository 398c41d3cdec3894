"""The clean latents a network output points to, for every parametrisation."""

import math
from dataclasses import dataclass
from typing import Any

import torch

from underpainting.diffusion.schedulers import Space, prediction_of, space_of
from underpainting.errors import UnderpaintingError


@dataclass(frozen=True)
class NoiseLevel:
    """Where on the schedule an evaluation is: latents are signal * clean latents + noise * white noise.

    signal and noise are 1 and sigma where a scheduler works in sigmas, cosine and sine of an angle where it
    preserves the variance (0 and 1 where it begins at pure noise), 1 - sigma and sigma of a flow.
    prediction: `epsilon`, `v_prediction`, `sample`, `flow_prediction`, or `edm`, which is v with its sign
    turned. data: standard deviation of clean latents that the network counts on: 1 for all but EDM's.
    """

    signal: float
    noise: float
    prediction: str
    data: float = 1.0

    @property
    def sigma(self) -> float:
        """Noise over signal, infinite for pure noise; a flow's own sigma, which is in 0..1."""
        if self.prediction == "flow_prediction":
            return self.noise
        return self.noise / self.signal if self.signal else math.inf

    @property
    def scale(self) -> float:
        """Standard deviation of the latents where the clean ones have that of `data`."""
        return math.hypot(self.signal * self.data, self.noise)


def noise_level(scheduler: Any, timestep: float) -> NoiseLevel:
    """The noise level of the evaluation that a scheduler is about to step over; read it before the step.

    Raises UnderpaintingError for a scheduler or prediction type whose formula is not known.
    """
    space, config = space_of(scheduler), scheduler.config
    data = float(config.sigma_data) if space == "edm" else 1.0
    return NoiseLevel(*_signal_and_noise(space, scheduler, timestep), prediction_of(scheduler), data)


def predicted_clean(level: NoiseLevel, latents: torch.Tensor, network_output: torch.Tensor) -> torch.Tensor:
    """Clean latents [picture, channel, h, w], float32 and not clipped, that a network output points to.

    Salimans and Ho 2022 (arXiv 2202.00512) for v; Karras et al. 2022 (arXiv 2206.00364) for sigma space and
    for `edm`, whose skip and output scales are those of v.
    Raises UnderpaintingError for predicted noise where latents are nothing but noise.
    """
    x, out = latents.float(), network_output.float()
    match level.prediction:
        case "sample":
            return out
        case "flow_prediction":
            return x - level.noise * out
        case "v_prediction" | "edm":
            unit = level.scale  # v is of latents of unit variance
            v = -out if level.prediction == "edm" else out
            return level.data * (level.data * level.signal / unit**2 * x - level.noise / unit * v)
    if not level.signal:
        raise UnderpaintingError(
            "this scheduler begins at pure noise, where a network that predicts noise points to no picture: "
            "take rescale_betas_zero_snr off, or set prediction_type to v_prediction if that is predicted"
        )
    return (x - level.noise * out) / level.signal


def _signal_and_noise(space: Space, scheduler: Any, timestep: float) -> tuple[float, float]:
    """Of the scheduler's own sigma where it keeps a list of them, else of its cumulative alphas."""
    if not hasattr(scheduler, "sigmas"):
        alpha = float(scheduler.alphas_cumprod[int(timestep)])
        return math.sqrt(alpha), math.sqrt(1 - alpha)
    index = scheduler.step_index
    if index is None:  # some schedulers find their place only inside the first step
        index = scheduler.begin_index or 0
    sigmas = scheduler.sigmas
    if hasattr(scheduler, "sigmas_interpol") and not scheduler.state_in_first_order:  # between two steps
        sigmas, index = scheduler.sigmas_interpol, index - hasattr(scheduler, "sigmas_down")
    sigma = float(sigmas[index])
    match space:
        case "flow":
            return 1 - sigma, sigma
        case "variance preserving":
            return 1 / math.hypot(1, sigma), sigma / math.hypot(1, sigma)
    return 1.0, sigma
