"""Layers by name: which modules are watched, on what grid, with how many channels."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from underpainting.diffusion.adapters import Adapter
from underpainting.errors import UnderpaintingError
from underpainting.vocabulary import ProbeLayer

ALL = "self-attention"
STATED = re.compile(r"(?P<path>[^@]+)@(?P<height>\d+)x(?P<width>\d+)x(?P<channels>\d+)")


@dataclass(frozen=True)
class Layer(ProbeLayer):
    """One watched module.

    name: short name such as `up.3.0`, or the path for a module that has none. grid: (h, w) of its tokens.
    channels: size of each token. path: module path inside the denoiser.
    """

    path: str


def output_shapes(adapter: Adapter, pipe: Any, size: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    """Output shape of every module of the denoiser, by path, for one picture of `size` (h, w) pixels.

    The denoiser is built again from its configuration on torch's meta device and run there: shapes without
    weights, arithmetic or random numbers. Tokens that lie on a grid are [row, channel, h, w] of it, as
    convolutions are. Modules that do not give one tensor are left out; of a denoiser whose arguments are not
    known all are. Raises UnderpaintingError where the network cannot make latents of that size.
    """
    denoiser, example = adapter.denoiser(pipe), adapter.example_inputs(pipe, size)
    if example is None:
        return {}
    with torch.device("meta"):
        kind: Any = type(denoiser)
        twin = kind.from_config(_as_built(denoiser.config)).eval()
    shapes: dict[str, tuple[int, ...]] = {}
    around: list[tuple[int, int]] = []  # the grids that the modules at work were given, innermost last

    def enter(module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        given = next((of for of in (*args, *kwargs.values()) if isinstance(of, torch.Tensor)), None)
        if given is not None and given.ndim == 4:
            around.append((given.shape[2], given.shape[3]))
        else:
            around.append(around[-1] if around else (0, 0))

    def leave(path: str) -> Any:
        def hook(module: torch.nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, torch.Tensor):
                shapes[path] = _on_grid(tuple(output.shape), around)
            around.pop()

        return hook

    for path, module in twin.named_modules():
        module.register_forward_pre_hook(enter, with_kwargs=True)
        module.register_forward_hook(leave(path))
    with torch.no_grad():
        made = twin(**example)
    _check_size(size, adapter.latents(pipe, size)[1:], made if isinstance(made, torch.Tensor) else made[0])
    return shapes


def _as_built(config: Mapping[str, Any]) -> dict[str, Any]:
    """A network's configuration without what `load_ip_adapter` says in it of a part that it added."""
    return {key: of for key, of in config.items() if (key, of) != ("encoder_hid_dim_type", "ip_image_proj")}


def _check_size(size: tuple[int, int], latents: tuple[int, int], output: torch.Tensor) -> None:
    """A network that patches its latents drops what is left over of them."""
    if output.ndim == 4 and tuple(output.shape[2:]) != latents:
        near = [of * made // own for of, made, own in zip(size, output.shape[2:], latents, strict=True)]
        raise UnderpaintingError(
            f"size {size[0]} x {size[1]}: the network cannot make latents of {latents[0]} x {latents[1]}; "
            f"give {near[0]} x {near[1]}"
        )


def _on_grid(shape: tuple[int, ...], around: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """The shape of an output; of tokens [row, token, channel], [row, channel, h, w] on the innermost grid
    that has as many cells, or as many patches of k x k cells.
    """
    if len(shape) != 3:
        return shape
    for height, width in reversed(around):
        patches = ((height // k, width // k) for k in range(1, min(height, width) + 1))
        if grid := next((of for of in patches if of[0] * of[1] == shape[1]), None):
            return shape[0], shape[2], *grid
    return shape


class LayerCatalogue:
    """The layers of a pipeline's denoiser, with their grids at each size that is asked for; sizes are
    (height, width) in pixels.
    """

    def __init__(self, adapter: Adapter, pipe: Any) -> None:
        """Nothing is looked up yet."""
        self._adapter = adapter
        self._pipe = pipe
        self._shapes: dict[tuple[int, int], dict[str, tuple[int, ...]]] = {}
        self._known: dict[tuple[int, int], tuple[Layer, ...]] = {}

    def known(self, size: tuple[int, int]) -> tuple[Layer, ...]:
        """The family's self-attention layers in network order."""
        if size not in self._known:
            named = self._adapter.self_attention(self._adapter.denoiser(self._pipe))
            shapes = self._shapes_at(size)
            self._known[size] = tuple(_layer(name, path, shapes, size) for name, path in named.items())
        return self._known[size]

    def resolve(self, names: Sequence[str | Layer], size: tuple[int, int]) -> tuple[Layer, ...]:
        """Layers by short name, path, `self-attention`, or stated; see `Model.resolve`."""
        shapes = self._shapes_at(size)
        layers = resolve_layers(names, self.known(size), shapes, size)
        unseen = [layer for layer in layers if layer.path not in shapes]
        modules = dict(self._adapter.denoiser(self._pipe).named_modules()) if unseen else {}
        for layer in unseen:
            if layer.path not in modules:
                raise UnderpaintingError(f"no module {layer.path} in the denoiser: give the path of one")
        return layers

    def _shapes_at(self, size: tuple[int, int]) -> dict[str, tuple[int, ...]]:
        if size not in self._shapes:
            self._shapes[size] = output_shapes(self._adapter, self._pipe, size)
        return self._shapes[size]


def resolve_layers(
    names: Sequence[str | Layer],
    known: Sequence[Layer],
    shapes: Mapping[str, tuple[int, ...]],
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
        layer = by_name.get(name) or by_name.get(name.removesuffix(".to_out.0"))
        if layer is None and isinstance(given, Layer) and name not in shapes:
            layer = given
        if layer is None:
            if name not in shapes:
                raise UnderpaintingError(_unknown(name, known, shapes))
            layer = _layer(name, name, shapes, size)
        resolved[layer.path] = layer
    return tuple(resolved.values())


def _layer(name: str, path: str, shapes: Mapping[str, tuple[int, ...]], size: tuple[int, int]) -> Layer:
    """A layer whose output is on a grid: [row, channel, h, w]."""
    shape = shapes[path]
    if len(shape) == 4:
        return Layer(name, (shape[2], shape[3]), shape[1], path)
    raise UnderpaintingError(
        f"layer {name} gives {list(shape)}, no grid of tokens at {size[0]} x {size[1]}: watch another module"
    )


def _unknown(name: str, known: Sequence[Layer], shapes: Mapping[str, tuple[int, ...]]) -> str:
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
