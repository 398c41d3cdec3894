"""Layers by name: which modules are watched, on what grid, with how many channels."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from underpainting.diffusion.adapters import Adapter
from underpainting.diffusion.called import call_of, calling, check_negative
from underpainting.diffusion.outputs import DryRun, Output, dry_run
from underpainting.diffusion.rehearsal import PROMPTS, Stacking, stacked_branches
from underpainting.errors import UnderpaintingError
from underpainting.vocabulary import ProbeLayer

ALL = "self-attention"
STATED = re.compile(r"(?P<path>[^@]+)@(?P<height>\d+)x(?P<width>\d+)x(?P<channels>\d+)")


@dataclass(frozen=True)
class Layer(ProbeLayer):
    """One watched module.

    name: short name such as `up.3.0`, or the path for a module that has none. grid: (h, w) of its tokens.
    channels: size of each token. path: module path inside the denoiser. output: which of the module's outputs
    is watched, where it gives several.
    """

    path: str
    output: int = 0


class LayerCatalogue:
    """What is found out of a pipeline without computing it: its denoiser's layers, with their grids at each
    size that is asked for, and how guidance's branches reach it. Sizes are (height, width) in pixels.
    """

    def __init__(self, adapter: Adapter, pipe: Any, arguments: Mapping[str, Any]) -> None:
        """Nothing is looked up yet. arguments: of the pipeline's call, beside what every run gives."""
        self._adapter = adapter
        self._pipe = pipe
        self._arguments = arguments
        self._runs: dict[tuple[int, int], DryRun] = {}
        self._known: dict[tuple[int, int], tuple[Layer, ...]] = {}
        self._stacked: dict[float, Stacking] = {}

    def known(self, size: tuple[int, int]) -> tuple[Layer, ...]:
        """The family's self-attention layers in network order: of those that are found, those that give
        tokens of the picture.
        """
        if size not in self._known:
            named = self._adapter.self_attention(self._adapter.denoiser(self._pipe))
            names = {path: name for name, path in named.items()}
            made = self.at(size).outputs
            self._known[size] = tuple(
                _layer(names[path], path, made, size)
                for path, output in made.items()
                if path in names and len(output.shape) == 4
            )
        return self._known[size]

    def resolve(self, names: Sequence[str | Layer], size: tuple[int, int]) -> tuple[Layer, ...]:
        """Layers by short name, path, `self-attention`, or stated; see `Model.resolve`."""
        shapes = self.at(size).outputs
        layers = resolve_layers(names, self.known(size), shapes, size)
        unseen = [layer for layer in layers if layer.path not in shapes]
        modules = dict(self._adapter.denoiser(self._pipe).named_modules()) if unseen else {}
        for layer in unseen:
            if layer.path not in modules:
                raise UnderpaintingError(f"no module {layer.path} in the denoiser: give the path of one")
        return layers

    def at(self, size: tuple[int, int]) -> DryRun:
        """What a run without weights tells at a size."""
        if size not in self._runs:
            call = self._call(1, size)(self._adapter.plain)
            with calling(self._pipe, self._arguments):
                run = dry_run(self._adapter, self._pipe, {**call, "prompt": [PROMPTS[0]]})
            self._runs[size] = run
        return self._runs[size]

    def stacking(self, guidance_scale: float, size: tuple[int, int]) -> Stacking:
        """How the branches of guidance reach the network; see `Model.stacking`."""
        if guidance_scale not in self._stacked:
            answer, call = self.at(size).answer, self._call(len(PROMPTS), size)
            with calling(self._pipe, self._arguments):
                stacking = stacked_branches(self._pipe, self._adapter, call, guidance_scale, answer)
            check_negative(self._arguments, stacking.branches)
            self._stacked[guidance_scale] = stacking
        return self._stacked[guidance_scale]

    def _call(self, pictures: int, size: tuple[int, int]) -> Callable[[float], dict[str, Any]]:
        return call_of(self._pipe, self._adapter, self._arguments, pictures, size, steps=2)


def resolve_layers(
    names: Sequence[str | Layer],
    known: Sequence[Layer],
    shapes: Mapping[str, Output],
    size: tuple[int, int],
) -> tuple[Layer, ...]:
    """Layers by short name, path, `self-attention`, or stated; see `Model.resolve`."""
    if isinstance(names, str):
        raise UnderpaintingError(f"layers {names!r} is one string: give a list of names")
    by_name = {layer.name: layer for layer in known} | {layer.path: layer for layer in known}
    resolved: dict[str, Layer] = {}
    for given in names:
        name = given.path if isinstance(given, Layer) else given
        if name == ALL and known:
            resolved |= {layer.path: layer for layer in known}
            continue
        if stated := STATED.fullmatch(name):
            path, *sizes = stated.groups()
            height, width, channels = map(int, sizes)
            own = by_name.get(path)
            resolved[path] = Layer(own.name if own else path, (height, width), channels, path)
            continue
        layer = by_name.get(name)
        if layer is None and isinstance(given, str):
            layer = by_name.get(name.removesuffix(".to_out.0"))
        if layer is None and isinstance(given, Layer) and name not in shapes:
            layer = given
        if layer is None:
            if name not in shapes:
                raise UnderpaintingError(_unknown(name, known, shapes))
            layer = _layer(name, name, shapes, size)
        resolved[layer.path] = layer
    return tuple(resolved.values())


def _layer(name: str, path: str, shapes: Mapping[str, Output], size: tuple[int, int]) -> Layer:
    """A layer whose output is on a grid: [row, channel, h, w]."""
    shape, number = shapes[path].shape, shapes[path].number
    if len(shape) == 4:
        return Layer(name, (shape[2], shape[3]), shape[1], path, number)
    raise UnderpaintingError(
        f"layer {name} gives {list(shape)}, no grid of tokens at {size[0]} x {size[1]}: watch another module"
    )


def _unknown(name: str, known: Sequence[Layer], shapes: Mapping[str, Output]) -> str:
    """The line for a name that is nowhere: nearest valid names, short ones for a short name."""
    if not known:
        return (
            f"layers of this pipeline's family are not known, {name} neither: state them as "
            "PATH@HEIGHTxWIDTHxCHANNELS, such as transformer_blocks.0.attn1@32x32x1152"
        )
    short = [layer.name for layer in known]
    pool = [path for path in shapes if path] if "_block" in name else short
    near = difflib.get_close_matches(name, pool, n=3, cutoff=0.4) or [short[0], "...", short[-1]]
    return f"unknown layer {name}: nearest are {', '.join(near)} (all of them: {ALL})"
