"""What the modules of a network give, found out by a call of its pipeline without weights."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._pytree import tree_map_only

from underpainting.diffusion.adapters import Adapter
from underpainting.diffusion.adapters.modules import OF_TEXT
from underpainting.diffusion.rehearsal import never_called, run_to_step
from underpainting.diffusion.weightless import weightless
from underpainting.errors import UnderpaintingError
from underpainting.vocabulary import Grid


@dataclass(frozen=True)
class Output:
    """What a module gives of one picture.

    shape: [row, channel, h, w] of tokens that lie on a grid, as of convolutions; else the tensor's own.
    number: which of its outputs that is, where it gives several.
    """

    shape: tuple[int, ...]
    number: int = 0


@dataclass(frozen=True)
class DryRun:
    """What a call of a pipeline without weights tells.

    outputs: what each module of its denoiser gives, by path, in the order of the calls. repeated: paths of
    those that are called several times an evaluation. answer: what the denoiser itself gives of one picture,
    zeros.
    """

    outputs: dict[str, Output]
    repeated: frozenset[str]
    answer: Any


def dry_run(adapter: Adapter, pipe: Any, call: Mapping[str, Any]) -> DryRun:
    """Make a pipeline's own call for one picture, up to the first step of the scheduler.

    Its denoiser and its text encoders are built again from their configurations on torch's meta device:
    shapes without weights, arithmetic or random numbers. Modules that give no tensor are left out. Where
    several outputs of a module have as many tokens as the picture, the picture's is the one that has them in
    a call for a picture twice as high too. Raises UnderpaintingError where the network cannot make latents of
    the size.
    """
    run, alike = _called(adapter, pipe, call)
    if alike:
        higher, _ = _called(adapter, pipe, {**call, "height": 2 * call["height"]})
        for path, fits in alike.items():
            number = higher.outputs[path].number
            run.outputs[path] = next((of for of in fits if of.number == number), fits[0])
    return run


def _called(
    adapter: Adapter, pipe: Any, call: Mapping[str, Any]
) -> tuple[DryRun, dict[str, Sequence[Output]]]:
    """What one call tells, and by path the outputs of a module of which each may be the picture's."""
    size = (call["height"], call["width"])
    latents, patch = adapter.latents(pipe, size)[1:], adapter.patch(pipe)
    _check_side(adapter, pipe, size)
    other = weightless(pipe, adapter.part)
    denoiser = adapter.denoiser(other).network
    grids = [(latents[0] // patch, latents[1] // patch)] if patch else []
    outputs: dict[str, Sequence[Output]] = {}
    times: Counter[str] = Counter()
    answers: list[Any] = []
    around: list[Grid] = [latents]  # grids that the modules at work were given, innermost last

    def enter(module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        if module is denoiser:
            del around[1:]
        given = next((of for of in (*args, *kwargs.values()) if isinstance(of, torch.Tensor)), None)
        is_grid = given is not None and given.ndim == 4
        around.append((given.shape[2], given.shape[3]) if given is not None and is_grid else around[-1])

    def leave(path: str) -> Any:
        def hook(module: torch.nn.Module, inputs: Any, output: Any) -> None:
            if path not in outputs:
                known = [] if OF_TEXT.search(path) else grids or _patches(around)
                outputs[path] = _outputs(module, output, known, adapter.picture is not None)
            if not answers:
                times[path] += 1
            around.pop()
            if module is denoiser:
                answers.append(tree_map_only(torch.Tensor, _zeros, output))

        return hook

    for path, module in denoiser.named_modules():
        module.register_forward_pre_hook(enter, with_kwargs=True)
        module.register_forward_hook(leave(path))
    run_to_step(other, call)
    if not answers:
        raise never_called(pipe, adapter)
    made = outputs[""][0].shape if outputs[""] else ()
    if not adapter.packing and len(made) == 4 and made[2:] != latents:
        near = [side * of // own for side, of, own in zip(size, made[2:], latents, strict=True)]
        raise _cropped(size, latents, near)
    first = {path: fits[0] for path, fits in outputs.items() if fits}
    repeated = frozenset(path for path, called in times.items() if called > 1)
    alike = {path: fits for path, fits in outputs.items() if len(fits) > 1}
    return DryRun(first, repeated, answers[0]), alike


def _outputs(module: Any, output: Any, grids: Sequence[Grid], is_joint: bool) -> Sequence[Output]:
    """The outputs of a module that may have the picture's tokens, or its first tensor."""
    several = list(output) if isinstance(output, list | tuple) else [output]
    shapes = [
        (number, _shape(module, of)) for number, of in enumerate(several) if isinstance(of, torch.Tensor)
    ]
    for fits in (_is_grid, _holds_grid) if is_joint else (_is_grid,):
        on_grids = [
            (number, of, next((grid for grid in grids if fits(of, grid)), None)) for number, of in shapes
        ]
        if may := [Output((of[0], of[2], *grid), number) for number, of, grid in on_grids if grid]:
            return may
    return [Output(shape, number) for number, shape in shapes[:1]]


def _shape(module: Any, output: torch.Tensor) -> tuple[int, ...]:
    """A tensor's shape; of attention whose heads lie apart, [row, token, channel]."""
    shape = tuple(output.shape)
    apart = len(shape) == 4 and hasattr(module, "to_q") and shape[2] == getattr(module, "heads", None)
    return (*shape[:2], shape[2] * shape[3]) if apart else shape


def _is_grid(shape: Sequence[int], grid: Grid) -> bool:
    return len(shape) == 3 and shape[1] == grid[0] * grid[1]


def _holds_grid(shape: Sequence[int], grid: Grid) -> bool:
    return len(shape) == 3 and shape[1] > grid[0] * grid[1]


def _patches(around: Sequence[Grid]) -> list[Grid]:
    """Grids of k x k cells of grids that modules were given, innermost and finest first."""
    sides = (((h, w), range(1, min(h, w) + 1)) for h, w in reversed(around))
    return [(h // k, w // k) for (h, w), ks in sides for k in ks]


def _zeros(tensor: torch.Tensor) -> torch.Tensor:
    return torch.zeros(tensor.shape, dtype=tensor.dtype)


def _check_side(adapter: Adapter, pipe: Any, size: Grid) -> None:
    """A pipeline drops what its autoencoder's factor, and the patches of packed latents, leave over."""
    unit = adapter.factor(pipe) * (adapter.packing.patch if adapter.packing else 1)
    if size[0] % unit or size[1] % unit:
        raise _cropped(size, adapter.latents(pipe, size)[1:], [max(1, side // unit) * unit for side in size])


def _cropped(size: Grid, latents: Sequence[int], near: Sequence[int]) -> UnderpaintingError:
    return UnderpaintingError(
        f"size {size[0]} x {size[1]}: the network cannot make latents of {latents[0]} x {latents[1]}; "
        f"give {near[0]} x {near[1]}"
    )
