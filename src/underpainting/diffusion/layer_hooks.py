"""Forward hooks on watched layers: what each gave in the network evaluation that is going on."""

import functools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from underpainting.diffusion.evaluations import Evaluation, Evaluations
from underpainting.diffusion.layers import Layer
from underpainting.diffusion.watching import ActivationEdit, Watching
from underpainting.errors import UnderpaintingError, UnsoundPictures

NEVER = "compiled, fused or skipped modules run no hooks; undo that"
MORE_THAN_ONCE = "its pipeline calls the network once for each branch of guidance; use guidance_scale 1"


@dataclass(frozen=True)
class BatchRows:
    """How the rows of the network's batch stack: all pictures of one branch, then all of the next."""

    branches: tuple[str, ...]
    pictures: int

    @property
    def count(self) -> int:
        """Rows of the batch."""
        return len(self.branches) * self.pictures

    def of(self, branch: str, activations: torch.Tensor) -> torch.Tensor:
        """A branch's rows, one a picture: a view."""
        start = self.branches.index(branch) * self.pictures
        return activations[start : start + self.pictures]

    def pictures_of(self, rows: torch.Tensor) -> list[bool]:
        """Whether something holds of all rows of a picture, by picture, from whether it holds of each row."""
        held: list[bool] = rows.reshape(len(self.branches), self.pictures).all(0).tolist()
        return held


class LayerHooks:
    """Hooks on a denoiser's watched layers and on those of its twins; edits are made here.

    safe: paths of layers whose output is known not to be written to later; that of any other module is
    copied. outputs: by layer name [row, token, channel], of the present evaluation; a twin's layers under its
    name and theirs.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        watching: Watching,
        rows: BatchRows,
        evaluations: Evaluations,
        safe: frozenset[str],
    ) -> None:
        """Keep what to watch; nothing is hooked before `on`."""
        self.outputs: dict[str, torch.Tensor] = {}
        self._layers = layers
        self._watching = watching
        self._rows = rows
        self._evaluations = evaluations
        self._safe = safe
        self._fired = dict.fromkeys((layer.name for layer in layers), 0)

    @contextmanager
    def on(self, denoiser: torch.nn.Module) -> Iterator[None]:
        """Hook the denoiser's layers; every hook is taken off at the end, whatever happens."""
        with ExitStack() as handles:
            handles.callback(self.outputs.clear)
            for layer in self._layers:
                hook = functools.partial(self._seen, layer)
                handles.enter_context(denoiser.get_submodule(layer.path).register_forward_hook(hook))
            for name, twin in self._watching.twins.items():
                for layer in self._layers:
                    seen = functools.partial(self._seen_in_twin, name, layer)
                    handles.enter_context(twin.get_submodule(layer.path).register_forward_hook(seen))
                follow = functools.partial(_follow, twin)
                handles.enter_context(denoiser.register_forward_hook(follow, with_kwargs=True))
            yield

    def activations(self) -> dict[str, dict[str, torch.Tensor]]:
        """The outputs by layer name and watched branch [picture, token, channel]."""
        return {
            name: {branch: self._rows.of(branch, output) for branch in self._watching.branches}
            for name, output in self.outputs.items()
        }

    def check(self) -> None:
        """Raise UnderpaintingError where a layer was not called exactly once, or gave what is not finite."""
        self._check_fired()
        self._check_finite()

    def _seen(self, layer: Layer, module: torch.nn.Module, inputs: Any, output: Any) -> torch.Tensor | None:
        """Forward hook: check the shape, edit, keep the output until the scheduler steps."""
        output = _tensor(output, layer)
        self._fired[layer.name] += 1
        tokens = _as_tokens(output)
        expected = (self._rows.count, layer.tokens, layer.channels)
        if tuple(tokens.shape) != expected:
            raise UnderpaintingError(
                f"layer {layer.name} gave [row, token, channel] = {list(tokens.shape)}, its configuration "
                f"says {list(expected)}: the pipeline was changed after loading; undo that or do not watch it"
            )
        edit = self._watching.edit
        after = tokens if edit is None else _edited(edit, layer, self._evaluations.present, tokens)
        self.outputs[layer.name] = after.detach() if layer.path in self._safe else after.detach().clone()
        if after is tokens:
            return None
        return after.transpose(1, 2).reshape(output.shape) if output.ndim == 4 else after

    def _seen_in_twin(
        self, name: str, layer: Layer, module: torch.nn.Module, inputs: Any, output: Any
    ) -> None:
        self.outputs[f"{name}.{layer.name}"] = _as_tokens(_tensor(output, layer)).detach()

    def _check_fired(self) -> None:
        for layer in self._layers:
            times = self._fired[layer.name]
            if times != 1:
                raise UnderpaintingError(
                    f"layer {layer.name} ({layer.path}) was called {times} times in step "
                    f"{self._evaluations.step}, not once: {MORE_THAN_ONCE if times else NEVER}"
                )
            self._fired[layer.name] = 0

    def _check_finite(self) -> None:
        """One reduction a layer and one look at the device: infinite and undefined values survive a sum."""
        if not self.outputs:
            return
        each = [output.sum(dtype=torch.float32) for output in self.outputs.values()]
        sums = torch.stack([of.to(each[0].device) for of in each])  # layers may be on several devices
        if not bool(sums.isfinite().all()):
            bad = list(self.outputs)[int((~sums.isfinite()).nonzero()[0])]
            rows = self.outputs[bad].sum(dim=(1, 2), dtype=torch.float32).isfinite()
            sound = self._rows.pictures_of(rows)
            reason = (
                f"layer {bad} holds non-finite values in step {self._evaluations.step}; load with "
                "torch_dtype=torch.float32"
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


def _as_tokens(output: torch.Tensor) -> torch.Tensor:
    """[row, token, channel] of tokens or of a convolution's [row, channel, h, w]."""
    return output if output.ndim == 3 else output.flatten(2).transpose(1, 2)


def _edited(edit: ActivationEdit, layer: Layer, evaluation: Evaluation, tokens: torch.Tensor) -> torch.Tensor:
    """What an edit makes of a layer's activations; UnderpaintingError if the network cannot go on with it."""
    edited: Any = edit(layer.name, evaluation, tokens)
    if not isinstance(edited, torch.Tensor):
        raise UnderpaintingError(f"edit of layer {layer.name} returned no tensor: return the activations")
    if (edited.shape, edited.dtype, edited.device) != (tokens.shape, tokens.dtype, tokens.device):
        raise UnderpaintingError(
            f"edit of layer {layer.name} returned {list(edited.shape)} {edited.dtype} on {edited.device}: "
            f"keep {list(tokens.shape)} {tokens.dtype} on {tokens.device}"
        )
    return edited
