"""Looking on at a denoising from outside: forward hooks, and the scheduler's `step` wrapped."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch

from underpainting.diffusion.clean import Still, noise_level, predicted_clean
from underpainting.diffusion.layers import Layer
from underpainting.diffusion.schedulers import steps_of_evaluations
from underpainting.errors import UnderpaintingError, UnsoundPictures

Edit = Callable[[str, int, torch.Tensor], torch.Tensor]


@dataclass(frozen=True, eq=False)
class StepRecord:
    """One network evaluation, seen just before the scheduler steps.

    step: denoising step, from 1. evaluation: network evaluation in the whole run, from 0.
    first: whether it is the step's first evaluation (PNDM and Heun spend more than one on a step).
    timestep: as given to the network.
    sigma: noise over signal, sqrt((1 - abar) / abar), or the flow's sigma in 0..1.
    scale: standard deviation that the latents have at this level where clean ones have 1.
    latents [picture, channel, h, w]: before the step. network_output: same shape, after guidance.
    predicted_clean: same shape, float32, not clipped: the clean latents this evaluation points to.
    activations: layer name -> branch -> [picture, token, channel], detached, on the model's device, after
    any edit. They are views: a kept record keeps the whole layer's output alive. A twin's layers stand under
    its name and theirs, such as `permuted.up.3.0`.
    """

    step: int
    evaluation: int
    first: bool
    timestep: float
    sigma: float
    scale: float
    latents: torch.Tensor
    network_output: torch.Tensor
    predicted_clean: torch.Tensor
    activations: dict[str, dict[str, torch.Tensor]]


class Stopped(Exception):
    """Leaves the pipeline's loop early, with the latents after the last step."""

    def __init__(self, latents: torch.Tensor) -> None:
        """Keep the latents [picture, channel, h, w]."""
        super().__init__()
        self.latents = latents


class Watch:
    """Context manager that hooks layers and scheduler, and takes every trace of itself off at the end.

    order: the branches in the order in which they stack in the network's batch. own: paths of layers whose
    output is known not to be written to later; the output of any other module is copied. still: a picture
    whose own latents at the next level the loop goes on with, whatever the network says. twins: networks by
    name that are called with all that the denoiser is called with, and watched at the same layers.
    """

    def __init__(
        self,
        scheduler: Any,
        denoiser: torch.nn.Module,
        layers: tuple[Layer, ...],
        *,
        own: frozenset[str],
        pictures: int,
        order: tuple[str, ...],
        branches: tuple[str, ...],
        steps: int,
        on_step: Callable[[StepRecord], None] | None,
        edit: Edit | None,
        stop_after: int | None,
        still: Still | None = None,
        twins: Mapping[str, torch.nn.Module] | None = None,
    ) -> None:
        """Keep what to watch; nothing is hooked before `with`."""
        self.evaluations = 0
        self._scheduler = scheduler
        self._denoiser = denoiser
        self._layers = layers
        self._own = own
        self._pictures = pictures
        self._order = order
        self._branches = branches
        self._steps = steps
        self._on_step = on_step
        self._edit = edit
        self._stop_after = stop_after
        self._still = still
        self._twins = dict(twins or {})
        self._outputs: dict[str, torch.Tensor] = {}
        self._fired = dict.fromkeys((layer.name for layer in layers), 0)
        self._handles: list[Any] = []
        self._step_of: list[int] = []
        self._timesteps: list[float] = []

    def __enter__(self) -> "Watch":
        """Hook the layers and wrap the scheduler's step."""
        for layer in self._layers:
            module = self._denoiser.get_submodule(layer.path)
            self._handles.append(module.register_forward_hook(functools.partial(self._seen, layer)))
        for name, twin in self._twins.items():
            for layer in self._layers:
                seen = functools.partial(self._seen_in_twin, name, layer)
                self._handles.append(twin.get_submodule(layer.path).register_forward_hook(seen))
            follow = functools.partial(_follow, twin)
            self._handles.append(self._denoiser.register_forward_hook(follow, with_kwargs=True))
        original = self._scheduler.step
        self._before = self._scheduler.__dict__.get("step")

        @functools.wraps(original)  # pipelines read the arguments that a step takes off its signature
        def step(model_output: Any, timestep: Any, sample: Any, *args: Any, **kwargs: Any) -> Any:
            call = functools.partial(original, model_output, timestep, sample, *args, **kwargs)
            return self._stepping(model_output, sample, call)

        self._scheduler.step = step
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take hooks and wrapper off, whatever happened."""
        for handle in self._handles:
            handle.remove()
        if self._before is None:
            del self._scheduler.__dict__["step"]
        else:
            self._scheduler.step = self._before
        self._outputs.clear()

    def _seen(self, layer: Layer, module: torch.nn.Module, inputs: Any, output: Any) -> torch.Tensor | None:
        """Forward hook: check the shape, edit, keep the output until the scheduler steps."""
        act = _tensor(output, layer)
        self._fired[layer.name] += 1
        tokens = _as_tokens(act)
        expected = (self._pictures * len(self._order), layer.grid[0] * layer.grid[1], layer.channels)
        if tuple(tokens.shape) != expected:
            raise UnderpaintingError(
                f"layer {layer.name} gave [row, token, channel] = {list(tokens.shape)}, its configuration "
                f"says {list(expected)}: the pipeline was changed after loading; undo that or do not watch it"
            )
        edited = None
        if self._edit is not None:
            edited = self._edit(layer.name, self._step, tokens)
            _check_edit(edited, tokens, layer)
            tokens = edited
        self._outputs[layer.name] = tokens.detach() if layer.path in self._own else tokens.detach().clone()
        if edited is None:
            return None
        if act.ndim == 4:
            edited = edited.transpose(1, 2).reshape(act.shape)
        return edited

    def _seen_in_twin(
        self, name: str, layer: Layer, module: torch.nn.Module, inputs: Any, output: Any
    ) -> None:
        self._outputs[f"{name}.{layer.name}"] = _as_tokens(_tensor(output, layer)).detach()

    @property
    def _step(self) -> int:
        """The current step; steps are read off the scheduler once it has been given its timesteps."""
        if not self._step_of:
            self._timesteps = [float(t) for t in self._scheduler.timesteps.tolist()]
            self._step_of = steps_of_evaluations(self._scheduler, self._steps)
        return self._step_of[self.evaluations]

    def _stepping(
        self, network_output: torch.Tensor, latents: torch.Tensor, original: Callable[[], Any]
    ) -> Any:
        """Check, record, let the scheduler step, stop."""
        step, evaluation = self._step, self.evaluations
        self._check_fired(step)
        self._check_finite(step)
        if self._on_step is not None:
            level = noise_level(self._scheduler, self._timesteps[evaluation])
            self._on_step(
                StepRecord(
                    step=step,
                    evaluation=evaluation,
                    first=evaluation == 0 or self._step_of[evaluation - 1] != step,
                    timestep=self._timesteps[evaluation],
                    sigma=level.sigma,
                    scale=level.scale,
                    latents=latents,
                    network_output=network_output,
                    predicted_clean=predicted_clean(level, latents, network_output),
                    activations={name: self._by_branch(act) for name, act in self._outputs.items()},
                )
            )
        self._outputs.clear()
        stepped = original()
        self.evaluations += 1
        last = evaluation + 1 == len(self._step_of) or self._step_of[evaluation + 1] != step
        if step == self._stop_after and last:
            raise Stopped(stepped[0])
        if self._still is not None and evaluation + 1 < len(self._step_of):
            level = noise_level(self._scheduler, self._timesteps[evaluation + 1])
            return (self._still.at(level).to(latents),)
        return stepped

    def _by_branch(self, act: torch.Tensor) -> dict[str, torch.Tensor]:
        starts = {branch: self._order.index(branch) * self._pictures for branch in self._branches}
        return {branch: act[start : start + self._pictures] for branch, start in starts.items()}

    def _check_fired(self, step: int) -> None:
        for layer in self._layers:
            if self._fired[layer.name] != 1:
                raise UnderpaintingError(
                    f"layer {layer.name} ({layer.path}) was called {self._fired[layer.name]} times in step "
                    f"{step}, not once: compiled, fused or skipped modules run no hooks; undo that"
                )
            self._fired[layer.name] = 0

    def _check_finite(self, step: int) -> None:
        """One reduction a layer and one look at the device: infinite and undefined values survive a sum."""
        if not self._outputs:
            return
        sums = torch.stack([act.sum(dtype=torch.float32) for act in self._outputs.values()])
        if not bool(sums.isfinite().all()):
            bad = list(self._outputs)[int((~sums.isfinite()).nonzero()[0])]
            of_row = self._outputs[bad].sum(dim=(1, 2), dtype=torch.float32).isfinite()
            sound = of_row.reshape(len(self._order), self._pictures).all(0).tolist()
            reason = (
                f"layer {bad} holds non-finite values in step {step}; load with torch_dtype=torch.float32"
            )
            if not all(sound):
                raise UnsoundPictures({i: reason for i, good in enumerate(sound) if not good})


def _follow(twin: torch.nn.Module, module: torch.nn.Module, args: Any, kwargs: Any, output: Any) -> None:
    twin(*args, **kwargs)


def _tensor(output: Any, layer: Layer) -> torch.Tensor:
    if isinstance(output, torch.Tensor) and output.ndim in (3, 4):
        return output
    raise UnderpaintingError(
        f"layer {layer.name} does not give one tensor of tokens or of a grid: watch a module inside it"
    )


def _as_tokens(act: torch.Tensor) -> torch.Tensor:
    """[row, token, channel] of tokens or of a convolution's [row, channel, h, w]."""
    return act if act.ndim == 3 else act.flatten(2).transpose(1, 2)


def _check_edit(edited: Any, act: torch.Tensor, layer: Layer) -> None:
    if not isinstance(edited, torch.Tensor):
        raise UnderpaintingError(f"edit of layer {layer.name} returned no tensor: return the activations")
    if (edited.shape, edited.dtype, edited.device) != (act.shape, act.dtype, act.device):
        raise UnderpaintingError(
            f"edit of layer {layer.name} returned {list(edited.shape)} {edited.dtype} on {edited.device}: "
            f"keep {list(act.shape)} {act.dtype} on {act.device}"
        )
