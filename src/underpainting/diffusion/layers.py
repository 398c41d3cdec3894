"""Layers by name: which modules are watched, on what grid, with how many channels."""

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from underpainting.diffusion.adapters import Adapter
from underpainting.diffusion.adapters.modules import BLOCKS, LAST_WORDS, SELF_ATTENTION
from underpainting.diffusion.called import call_of, calling, check_negative
from underpainting.diffusion.outputs import DryRun, Output, dry_run
from underpainting.diffusion.rehearsal import PROMPTS, Stacking, stacked_branches
from underpainting.errors import UnderpaintingError, nearest, require_number
from underpainting.vocabulary import ALL, MOST_BLOCKS, ProbeLayer

PRESETS = (*LAST_WORDS, ALL)
"""What stands for all layers of a kind, or of every kind."""

GLOB = re.compile(r"[*?[]")
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


Kinds = Mapping[str, tuple[Layer, ...]]
"""Kind -> its layers, in network order."""


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
        self._kinds: dict[tuple[int, int], Kinds] = {}
        self._stacked: dict[float, Stacking] = {}

    def kinds(self, size: tuple[int, int]) -> Kinds:
        """The family's layers by kind, each in network order: of those that are found, those that give tokens
        of the picture, once an evaluation. A kind that has none is left out.
        """
        if size not in self._kinds:
            named = self._adapter.layers(self._adapter.denoiser(self._pipe))
            run = self.at(size)
            kinds = {kind: _layers(of, run, size) for kind, of in named.items()}
            self._kinds[size] = {kind: layers for kind, layers in kinds.items() if layers}
        return self._kinds[size]

    def self_attention(self, size: tuple[int, int]) -> tuple[Layer, ...]:
        """Those of the kind that is watched by default."""
        return self.kinds(size).get(SELF_ATTENTION, ())

    def resolve(
        self, names: Sequence[str | Layer], size: tuple[int, int], every_nth_block: int = 1
    ) -> tuple[Layer, ...]:
        """Layers by preset, short name, glob, path, or stated; see `Model.resolve`."""
        shapes = self.at(size).outputs
        layers = resolve_layers(names, self.kinds(size), shapes, size, every_nth_block)
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
    kinds: Kinds,
    shapes: Mapping[str, Output],
    size: tuple[int, int],
    every_nth_block: int = 1,
) -> tuple[Layer, ...]:
    """Layers by preset, short name, glob, path, or stated; see `Model.resolve`."""
    if isinstance(names, str):
        raise UnderpaintingError(f"layers {names!r} is one string: give a list of names")
    require_number("every_nth_block", every_nth_block, 1, MOST_BLOCKS, whole=True)
    if every_nth_block > 1 and not can_be_thinned(names):
        raise UnderpaintingError(
            f"every_nth_block (--every-nth-block) {every_nth_block} thins kinds of layers "
            f"({', '.join(PRESETS)}) and globs, and all layers are names: give a kind, or a glob such as up.*"
        )
    known = [layer for layers in kinds.values() for layer in layers]
    by_name = {layer.name: layer for layer in known} | {layer.path: layer for layer in known}
    resolved: dict[str, Layer] = {}
    for given in names:
        name = given.path if isinstance(given, Layer) else given
        if name in PRESETS and kinds:
            several = _preset(name, kinds, every_nth_block)
        elif GLOB.search(name) and kinds:
            several = _matching(name, kinds, every_nth_block)
        else:
            several = [_one(name, given, by_name, shapes, size)]
        if not several:
            raise UnderpaintingError(_unknown(name, known, shapes))
        resolved |= {layer.path: layer for layer in several}
    order = {layer.path: place for place, layer in enumerate(known)}
    return tuple(sorted(resolved.values(), key=lambda layer: order.get(layer.path, len(order))))


def can_be_thinned(names: Sequence[str | Layer]) -> bool:
    """Whether any of them stands for a kind of layers, or for all that a glob matches."""
    return any(isinstance(name, str) and (name in PRESETS or GLOB.search(name)) for name in names)


def _preset(name: str, kinds: Kinds, every_nth_block: int) -> list[Layer]:
    """All layers of a kind, or of every kind, in every n-th block from the first one."""
    wanted = list(kinds) if name == ALL else [name]
    if name not in (*kinds, ALL):
        raise UnderpaintingError(f"this model has no layers of the kind {name}: it has {', '.join(kinds)}")
    return [layer for kind in wanted for layer in _thinned(kind, kinds[kind], every_nth_block)]


def _matching(glob: str, kinds: Kinds, every_nth_block: int) -> list[Layer]:
    """Layers of the kind whose last word a glob ends in, self-attention if none, whose names it matches."""
    kind = next((kind for kind, word in LAST_WORDS.items() if word and glob.endswith(word)), SELF_ATTENTION)
    matched = [layer for layer in kinds.get(kind, ()) if fnmatch.fnmatchcase(layer.name, glob)]
    return _thinned(kind, matched, every_nth_block)


def _thinned(kind: str, layers: Sequence[Layer], every_nth_block: int) -> list[Layer]:
    """Those in every n-th of the blocks that these layers of a kind stand in, from the first one."""
    blocks = [layer.path if kind == BLOCKS else layer.path.rpartition(".")[0] for layer in layers]
    kept = list(dict.fromkeys(blocks))[::every_nth_block]
    return [layer for layer, block in zip(layers, blocks, strict=True) if block in kept]


def _one(
    name: str,
    given: str | Layer,
    by_name: Mapping[str, Layer],
    shapes: Mapping[str, Output],
    size: tuple[int, int],
) -> Layer:
    """A layer by short name, path, or stated."""
    if stated := STATED.fullmatch(name):
        path, *sizes = stated.groups()
        height, width, channels = map(int, sizes)
        return Layer(by_name[path].name if path in by_name else path, (height, width), channels, path)
    whole = name.removesuffix(".to_out.0") if isinstance(given, str) else name
    if layer := by_name.get(name) or by_name.get(whole):
        return layer
    if name in shapes:
        return _layer(name, name, shapes, size)
    if isinstance(given, Layer):
        return given
    raise UnderpaintingError(_unknown(name, list(by_name.values()), shapes))


def _layers(named: Mapping[str, str], run: DryRun, size: tuple[int, int]) -> tuple[Layer, ...]:
    """Those of named modules that give tokens of the picture, in the order in which they are called."""
    names = {path: name for name, path in named.items() if path not in run.repeated}
    return tuple(
        _layer(names[path], path, run.outputs, size)
        for path, output in run.outputs.items()
        if path in names and len(output.shape) == 4
    )


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
    short = list(dict.fromkeys(layer.name for layer in known))
    pool = [path for path in shapes if path] if "_block" in name else short
    near = nearest(name, pool) or [short[0], "...", short[-1]]
    return f"unknown layer {name}: nearest are {', '.join(near)} (all of a kind: {', '.join(PRESETS)})"
