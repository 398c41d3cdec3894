"""Diffusers' schedulers: what is known of each class, and how one is made by its name."""

import inspect
from collections.abc import Collection, Iterator
from typing import Any, Literal

from underpainting.errors import UnderpaintingError, suggested
from underpainting.vocabulary import SCHEDULERS

Space = Literal["sigma", "variance preserving", "edm", "flow"]

SPACES: dict[str, Space] = {
    "LMSDiscreteScheduler": "sigma",
    "EulerDiscreteScheduler": "sigma",
    "EulerAncestralDiscreteScheduler": "sigma",
    "HeunDiscreteScheduler": "sigma",
    "KDPM2DiscreteScheduler": "sigma",
    "KDPM2AncestralDiscreteScheduler": "sigma",
    "DDIMScheduler": "variance preserving",
    "DDIMParallelScheduler": "variance preserving",
    "DDPMScheduler": "variance preserving",
    "DDPMParallelScheduler": "variance preserving",
    "CogVideoXDDIMScheduler": "variance preserving",
    "PNDMScheduler": "variance preserving",
    "DPMSolverMultistepScheduler": "variance preserving",
    "DPMSolverSinglestepScheduler": "variance preserving",
    "UniPCMultistepScheduler": "variance preserving",
    "DEISMultistepScheduler": "variance preserving",
    "SASolverScheduler": "variance preserving",
    "LCMScheduler": "variance preserving",
    "TCDScheduler": "variance preserving",
    "EDMEulerScheduler": "edm",
    "EDMDPMSolverMultistepScheduler": "edm",
    "FlowMatchEulerDiscreteScheduler": "flow",
    "FlowMatchHeunDiscreteScheduler": "flow",
    "FlowMatchLCMScheduler": "flow",
}
"""How each known scheduler's latents mix the clean ones with noise; see `underpainting.diffusion.clean`."""

PREDICTIONS: dict[Space, tuple[str, ...]] = {
    "sigma": ("epsilon", "v_prediction", "sample"),
    "variance preserving": ("epsilon", "v_prediction", "sample"),
    "edm": ("epsilon", "v_prediction"),
    "flow": ("flow_prediction",),
}

KEEPING = ("DPMSolverSinglestepScheduler", "SASolverScheduler", "UniPCMultistepScheduler")
"""Schedulers that step from latents that they kept: what is changed between steps does not last."""

TOKENS = "it denoises tokens, not latents"
VIDEO = "it is for pipelines that make video"
UNCONDITIONAL = "no network that is given a text was trained for it"
BACKWARDS = "it turns pictures into noise"
CALLED_OTHERWISE = "its steps are called with more than a network output, a timestep and latents"
REFUSED: dict[str, str] = {
    "AmusedScheduler": TOKENS,
    "BlockRefinementScheduler": TOKENS,
    "DiscreteDDIMScheduler": TOKENS,
    "EntropyBoundScheduler": TOKENS,
    "VQDiffusionScheduler": TOKENS,
    "HeliosDMDScheduler": VIDEO,
    "HeliosScheduler": VIDEO,
    "LTXEulerAncestralRFScheduler": VIDEO,
    "CMStochasticIterativeScheduler": UNCONDITIONAL,
    "KarrasVeScheduler": UNCONDITIONAL,
    "ScoreSdeVeScheduler": UNCONDITIONAL,
    "ScoreSdeVpScheduler": UNCONDITIONAL,
    "DDIMInverseScheduler": BACKWARDS,
    "DPMSolverMultistepInverseScheduler": BACKWARDS,
    "CogVideoXDPMScheduler": CALLED_OTHERWISE,
    "DDPMWuerstchenScheduler": "the prior it steps is no network of a picture's latents",
    "UnCLIPScheduler": "the prior it steps is no network of a picture's latents",
    "RePaintScheduler": "it fills in what is missing of a picture, going to and fro",
    "ConsistencyDecoderScheduler": "it decodes latents",
    "CosineDPMSolverMultistepScheduler": "it is for pipelines that make sound",
    "IPNDMScheduler": "it tells the network timesteps from 0 to 1, as none that is given a text takes them",
    "DPMSolverSDEScheduler": "it draws a batch's noise as one, and a picture's depends on its neighbours",
    "SCMScheduler": "it has one timestep more than it makes steps, which its own pipeline leaves out",
    "FlowMapEulerDiscreteScheduler": "its network says where a later step is, not what is clean",
    "PiflowScheduler": "its network says how to go on for several steps, not what is clean",
    "MiniMaxH3Scheduler": "it goes from clean to noise, and makes fewer steps than it is asked for",
    "RFD4ProteinaScheduler": "it is for pipelines that make proteins",
}
"""All others of diffusers, and why they cannot be watched."""

SETTINGS: dict[str, dict[str, Any]] = {
    "ddim": {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1},
    "ddpm": {"clip_sample": False, "steps_offset": 1},
    "pndm": {"skip_prk_steps": True, "set_alpha_to_one": False, "steps_offset": 1},
}
"""What a scheduler by name is given where the configuration of the one it is built from does not state it."""

MEANT: dict[str, dict[str, Any]] = {
    "dpm++": {"algorithm_type": "dpmsolver++"},
    "sde-dpm++": {"algorithm_type": "sde-dpmsolver++"},
}
"""What a scheduler's name says, whatever that configuration states."""

BETAS = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type")
OF_THE_NETWORK: dict[str, Any] = {
    "rescale_betas_zero_snr": False,
    "trained_betas": None,
    "snr_shift_scale": 1.0,
    "shift": 1.0,
    "flow_shift": 1.0,
    "use_dynamic_shifting": False,
    "shift_terminal": None,
    "invert_sigmas": False,
}
"""Settings, beside the betas, of the noise that a network was trained with, each as it does nothing: so it is
where a scheduler's configuration does not have it."""


def space_of(scheduler: Any) -> Space:
    """How a scheduler's latents mix the clean ones with noise.

    Raises UnderpaintingError for a scheduler that cannot be watched, with the reason.
    """
    space = _known(type(scheduler).__name__)
    return "flow" if scheduler.config.get("use_flow_sigmas", False) else space


def prediction_of(scheduler: Any) -> str:
    """What a scheduler takes the network's output for: its prediction type, `flow_prediction` of a flow's.

    `edm` is EDM's `epsilon`, which is no noise. Raises UnderpaintingError for a scheduler that cannot be
    watched, with the reason.
    """
    name, space = type(scheduler).__name__, space_of(scheduler)
    stated = "flow_prediction" if SPACES[name] == "flow" else str(scheduler.config.prediction_type)
    if stated not in PREDICTIONS[space]:
        known = ", ".join(PREDICTIONS[space])
        raise UnderpaintingError(f"{name} has prediction type {stated}: known are {known}")
    return "edm" if space == "edm" and stated == "epsilon" else stated


def scheduler_named(name: str, own: Any) -> Any:
    """A scheduler by a name of `SCHEDULERS`, or by its class, built from the one a pipeline was loaded with.

    It has the noise that the network was trained with; what else the other's configuration does not state is
    as in Stable Diffusion's own (latents are not clipped). `pipeline` is the other itself. Raises
    UnderpaintingError for an unknown name, a scheduler that cannot be watched, and one that does not fit.
    """
    if name == "pipeline":
        prediction_of(own)
        return own
    import diffusers

    if _noise(_known(SCHEDULERS.get(name, name))) != _trained(own):
        raise UnderpaintingError(
            f"scheduler {name} does not fit this model's network, which was trained for "
            f"{type(own).__name__}: give {', '.join(_fitting(own))}"
        )
    if dropped := _dropped(name, own):
        raise UnderpaintingError(
            f"scheduler {name} does not know {dropped[0]}, which this model's network was trained with: give "
            f"{', '.join(_fitting(own))}"
        )
    unstated = set(own.config.get("_use_default_values", ()))
    wanted = SETTINGS.get(name, {})
    missing = {key: value for key, value in wanted.items() if key not in own.config or key in unstated}
    trained = {key: own.config[key] for key in (*BETAS, *OF_THE_NETWORK) if key in own.config}
    taken = {key: value for key, value in {**OF_THE_NETWORK, **trained}.items() if key in _settings(name)}
    settings = {**missing, **taken, **MEANT.get(name, {})}
    return getattr(diffusers, SCHEDULERS.get(name, name)).from_config(own.config, **settings)


def _known(kind: str) -> Space:
    """The space of a class that can be watched."""
    if kind in REFUSED:
        raise UnderpaintingError(f"{kind} cannot be watched, for {REFUSED[kind]}: use one of {_names()}")
    if kind not in SPACES:
        meant = suggested(kind, [*SCHEDULERS, *SPACES, "pipeline"])
        raise UnderpaintingError(
            "; ".join(filter(None, (f"unknown scheduler {kind}: use one of {_names()}", meant)))
        )
    return SPACES[kind]


def _names() -> str:
    return ", ".join([*SCHEDULERS, "pipeline"])


def _noise(space: Space) -> Space:
    """The noise of a network: latents in sigmas are those of unit variance, scaled."""
    return "variance preserving" if space == "sigma" else space


def _trained(own: Any) -> Space:
    """The noise that a pipeline's network was trained with, by its own scheduler, whether watched or not."""
    if own.config.get("use_flow_sigmas", False):
        return "flow"
    return _noise(SPACES.get(type(own).__name__, "sigma" if "beta_start" in own.config else "flow"))


def _fitting(own: Any) -> Iterator[str]:
    """Names of schedulers that can take the place of a pipeline's own."""
    for name, kind in SCHEDULERS.items():
        if _noise(SPACES[kind]) == _trained(own) and not _dropped(name, own):
            yield name
    yield "pipeline"


def _dropped(name: str, own: Any) -> list[str]:
    """Settings of the network's noise that a scheduler does not take, and would drop in silence."""
    stated = [key for key, nothing in OF_THE_NETWORK.items() if own.config.get(key, nothing) != nothing]
    return [setting for setting in stated if setting not in _settings(name)]


def _settings(name: str) -> Collection[str]:
    """What a scheduler by name is configured with."""
    import diffusers

    return inspect.signature(getattr(diffusers, SCHEDULERS.get(name, name)).__init__).parameters
