"""Forward hooks on watched layers: what each gave in the network evaluation that is going on."""

import functools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from underpainting.diffusion.evaluations import Evaluation, Evaluations
from underpainting.diffusion.layers import Layer
from underpainting.diffusion.picture_tokens import PictureTokens
from underpainting.diffusion.rehearsal import Stacking
from underpainting.diffusion.watching import ActivationEdit, Watching
from underpainting.errors import UnderpaintingError, UnsoundPictures

NEVER = "compiled, fused or skipped modules run no hooks; undo that"
MORE_THAN_ONCE = (
    "its pipeline calls the network in more parts than branches of guidance; use guidance_scale 1"
)


@dataclass(frozen=True)
class BatchRows:
    """How an evaluation's rows stack: all pictures of one branch, then all of the next.

    stacking: which branches, and by how many calls of the network.
    """

    stacking: Stacking
    pictures: int

    @property
    def of_call(self) -> int:
        """Rows of one call's batch."""
        return len(self.stacking.branches) * self.pictures // self.stacking.calls

    def in_call(self, branch: str, call: int) -> slice | None:
        """A branch's rows in the batch of a call, from 0; None where they are another call's."""
        branches = self.stacking.of_call(call)
        start = branches.index(branch) * self.pictures if branch in branches else None
        return None if start is None else slice(start, start + self.pictures)

    def of(self, branch: str, activations: torch.Tensor) -> torch.Tensor:
        """A branch's rows, one a picture: a view."""
        start = self.stacking.branches.index(branch) * self.pictures
        return activations[start : start + self.pictures]

    def pictures_of(self, rows: torch.Tensor) -> list[bool]:
        """Whether something holds of all rows of a picture, by picture, from whether it holds of each row."""
        held: list[bool] = rows.reshape(-1, self.pictures).all(0).tolist()
        return held


def check_times(module: str, times: int, rows: BatchRows, step: int) -> None:
    """Raise UnderpaintingError where a module was not called once in every call of a step's evaluation."""
    wanted = rows.stacking.calls
    if times != wanted:
        raise UnderpaintingError(
            f"{module} was called {times} times in step {step}, not {'once' if wanted == 1 else 'twice'}: "
            f"{MORE_THAN_ONCE if times else NEVER}"
        )


class LayerHooks:
    """Hooks on a denoiser's watched layers and on those of its twins; edits are made here.

    tokens: where the picture's tokens are in what a layer gives. safe: paths of layers whose output is known
    not to be written to later; that of any other module is copied. outputs: by layer name, what each call of
    the present evaluation gave, [row, token, channel]; a twin's layers under its name and theirs.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        watching: Watching,
        rows: BatchRows,
        evaluations: Evaluations,
        tokens: PictureTokens,
        safe: frozenset[str],
    ) -> None:
        """Keep what to watch; nothing is hooked before `on`."""
        self.outputs: dict[str, list[torch.Tensor]] = {}
        self._layers = layers
        self._watching = watching
        self._rows = rows
        self._evaluations = evaluations
        self._tokens = tokens
        self._safe = safe

    @contextmanager
    def on(self, denoiser: torch.nn.Module) -> Iterator[None]:
        """Hook the denoiser's layers; every hook is taken off at the end, whatever happens."""
        with ExitStack() as handles:
            handles.callback(self.outputs.clear)
            hear = denoiser.register_forward_pre_hook(self._tokens.hear, with_kwargs=True)
            handles.enter_context(hear)
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
        whole = {name: of[0] if len(of) == 1 else torch.cat(of) for name, of in self.outputs.items()}
        return {
            name: {branch: self._rows.of(branch, output) for branch in self._watching.branches}
            for name, output in whole.items()
        }

    def check(self) -> None:
        """Raise UnderpaintingError where a layer was not called exactly once, or gave what is not finite."""
        self._check_fired()
        self._check_finite()

    def _seen(self, layer: Layer, module: torch.nn.Module, inputs: Any, output: Any) -> Any:
        """Forward hook: check the shape, edit, keep the output until the scheduler steps."""
        tokens = self._tokens.of(output, layer)
        expected = (self._rows.of_call, layer.tokens, layer.channels)
        if tuple(tokens.shape) != expected:
            raise UnderpaintingError(
                f"layer {layer.name} gave [row, token, channel] = {list(tokens.shape)}, its configuration "
                f"says {list(expected)}: the pipeline was changed after loading; undo that or do not watch it"
            )
        calls = self.outputs.setdefault(layer.name, [])
        edit, after = self._watching.edit, tokens
        if edit is not None:
            branches = self._rows.stacking.of_call(len(calls))
            after = _edited(edit, layer, self._evaluations.present(branches), tokens)
        calls.append(after.detach() if layer.path in self._safe else after.detach().clone())
        return None if after is tokens else self._tokens.put(output, layer, after)

    def _seen_in_twin(
        self, name: str, layer: Layer, module: torch.nn.Module, inputs: Any, output: Any
    ) -> None:
        calls = self.outputs.setdefault(f"{name}.{layer.name}", [])
        calls.append(self._tokens.of(output, layer).detach())

    def _check_fired(self) -> None:
        for layer in self._layers:
            times = len(self.outputs.get(layer.name, ()))
            check_times(f"layer {layer.name} ({layer.path})", times, self._rows, self._evaluations.step)

    def _check_finite(self) -> None:
        """One reduction a call and one look at the device: infinite and undefined values survive a sum."""
        given = [(name, output) for name, calls in self.outputs.items() for output in calls]
        if not given:
            return
        each = [output.sum(dtype=torch.float32) for _, output in given]
        sums = torch.stack([of.to(each[0].device) for of in each])  # layers may be on several devices
        if not bool(sums.isfinite().all()):
            bad = given[int((~sums.isfinite()).nonzero()[0])][0]
            rows = torch.cat([of.sum(dim=(1, 2), dtype=torch.float32) for of in self.outputs[bad]]).isfinite()
            sound = self._rows.pictures_of(rows)
            reason = (
                f"layer {bad} holds non-finite values in step {self._evaluations.step}; load with "
                "torch_dtype=torch.float32"
            )
            if not all(sound):
                raise UnsoundPictures({i: reason for i, good in enumerate(sound) if not good})


def _follow(twin: torch.nn.Module, module: torch.nn.Module, args: Any, kwargs: Any, output: Any) -> None:
    twin(*args, **kwargs)


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
