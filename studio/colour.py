"""Colours many scenes at once, on any device: the pictures that `studio.compose` paints one by one.

`stack` puts what was drawn of each scene (`studio.compose.draw`) into tensors; `colour` paints from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from studio.compose import Draw
from studio.textures import TABLE
from studio.textures import Values as Drawn

Values = dict[str, Tensor]
Paint = Callable[..., Tensor]


@dataclass(frozen=True)
class Draws:
    """What was drawn of several scenes.

    ``parts`` [scene,OBJECT + 13,3] and ``light`` [scene,3] are as in `Draw`, light with its gain; ``floors``
    and ``walls`` hold for each texture the scenes [some] that have it, and their values [some,...].
    """

    parts: Tensor
    light: Tensor
    floors: dict[str, tuple[Tensor, Values]]
    walls: dict[str, tuple[Tensor, Values]]


def stack(drawn: Sequence[Draw], where: torch.device) -> Draws:
    """Draws of scenes as tensors on a device."""
    floors = [(d.floor, d.floor_values) for d in drawn]
    walls = [(d.wall, d.wall_values) for d in drawn]
    light = np.stack([d.warmth * np.float32(d.gain) for d in drawn])
    return Draws(
        parts=torch.from_numpy(np.stack([d.parts for d in drawn])).to(where),
        light=torch.from_numpy(light).to(where),
        floors=_by_texture(floors, where),
        walls=_by_texture(walls, where),
    )


def _by_texture(drawn: list[tuple[str, Drawn]], where: torch.device) -> dict[str, tuple[Tensor, Values]]:
    found = {}
    for texture in {name: None for name, _ in drawn}:
        scenes = [i for i, (name, _) in enumerate(drawn) if name == texture]
        columns = {
            key: np.stack([np.asarray(drawn[i][1][key]) for i in scenes]) for key in drawn[scenes[0]][1]
        }
        values = {
            key: torch.from_numpy(column.astype(np.float32) if column.dtype.kind == "f" else column).to(where)
            for key, column in columns.items()
        }
        found[texture] = torch.tensor(scenes, device=where), values
    return found


def coordinates(ids: Tensor, planes: Tensor) -> Tensor:
    """Surface coordinates [scene,size,size,2] from each part's projective map ``planes`` [scene,3,8].

    A map takes a pixel's place, x and y in -1..1 across the picture, to ((a x + b y + c), (d x + e y + f))
    over 1 + g x + h y. They are 0 on objects (``ids`` [scene,size,size] uint8 above 2).
    """
    size = ids.shape[1]
    place = (torch.arange(size, device=ids.device, dtype=torch.float32) + 0.5) / size * 2 - 1
    x, y = place[None, None, :], place[None, :, None]
    out = torch.zeros(*ids.shape, 2, device=ids.device)
    for part in range(planes.shape[1]):
        a, b, c, d, e, f, g, h = planes[:, part, :, None, None].unbind(1)
        below = 1 + g * x + h * y
        at = torch.stack([(a * x + b * y + c) / below, (d * x + e * y + f) / below], dim=-1)
        out = torch.where((ids == part)[..., None], at, out)
    return out.clamp(-60, 60)


def colour(ids: Tensor, coords: Tensor, shading: Tensor, draws: Draws) -> Tensor:
    """Pictures uint8 [scene,128,128,3].

    ``ids`` [scene,256,256] uint8, ``coords`` [scene,256,256,2] and ``shading`` [scene,128,128] are as in
    `studio.compose.paint`, of as many scenes as were drawn.
    """
    first = torch.arange(len(ids), device=ids.device)[:, None, None] * draws.parts.shape[1]
    albedo = draws.parts.flatten(0, 1)[first + ids]
    grain = footprint(coords)
    for textures, here in ((draws.floors, ids == 0), (draws.walls, (ids == 1) | (ids == 2))):
        for texture, (scenes, values) in textures.items():
            row, *pixel = here[scenes].nonzero(as_tuple=True)
            seen = scenes[row], *pixel
            chosen = {key: column[row] for key, column in values.items()}
            albedo[seen] = PAINT[texture](*coords[seen].unbind(1), grain[seen], **chosen)
    light = _halved(albedo) * shading[..., None] * draws.light[:, None, None]
    return (srgb(light) * 255 + 0.5).to(torch.uint8)


def srgb(linear: Tensor) -> Tensor:
    """Linear light to display values, as `studio.compose.srgb`."""
    high = 0.8 + 0.2 * (1 - torch.exp(-(linear - 0.8) / 0.2))
    x = torch.where(linear > 0.8, high, linear).clamp(0, 1)
    return torch.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)


def footprint(coords: Tensor) -> Tensor:
    """How far surface coordinates [scene,size,size,2] move from one pixel to the next [scene,size,size]."""
    step = torch.zeros(coords.shape[:3], device=coords.device)
    down, across = coords.diff(dim=1).abs().amax(3), coords.diff(dim=2).abs().amax(3)
    step[:, 1:] = down
    step[:, :, 1:] = torch.maximum(step[:, :, 1:], across)
    return step


def _halved(fine: Tensor) -> Tensor:
    return (fine[:, ::2, ::2] + fine[:, 1::2, ::2] + fine[:, ::2, 1::2] + fine[:, 1::2, 1::2]) / 4


def _look_up(row: Tensor, column: Tensor) -> Tensor:
    table = _TABLES.setdefault(row.device, torch.from_numpy(TABLE).to(row.device))
    return table[(row & 255) << 8 | column & 255]


_TABLES: dict[torch.device, Tensor] = {}


def _hash(i: Tensor, j: Tensor, salt: Tensor) -> Tensor:
    """A random value in 0..1 for every pair of whole numbers, repeating after 256."""
    return _look_up(i.long() + salt, j.long() + (salt >> 8))


def _noise(x: Tensor, y: Tensor, salt: Tensor) -> Tensor:
    """Smooth value noise in 0..1 with one cell a unit."""
    i, j = x.floor(), y.floor()
    u, v = x - i, y - j
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    row, column = i.long() + salt, j.long() + (salt >> 8)
    a, c = (torch.lerp(_look_up(row, k), _look_up(row + 1, k), u) for k in (column, column + 1))
    return torch.lerp(a, c, v)


def _fade(grain: Tensor, period: float | Tensor) -> Tensor:
    """1 where a pattern of this period is resolved, 0 where it is finer than the pixels."""
    return (2 - 5 * grain / period).clamp(0, 1)


# Each takes coordinates and grain [n], and values that were drawn for each pixel's scene: [n], tones [n,3].


def _wooden(
    x: Tensor,
    y: Tensor,
    grain: Tensor,
    tone: Tensor,
    width: Tensor,
    length: Tensor,
    salt: Tensor,
    swap: Tensor,
) -> Tensor:
    x, y = torch.where(swap, y, x), torch.where(swap, x, y)
    row = (y / width).floor()
    along = x / length + _hash(row, row, salt)
    plank = _hash(row, along.floor(), salt + 1)
    vein = _noise(x * 2.5 + 40 * plank, y * 38, salt) - 0.5
    streak = vein + 0.6 * (_noise(x * 0.9, y * 11 + 9 * plank, salt + 2) - 0.5)
    seam = (y / width - row - 0.5).abs() > 0.5 - 0.012 / width
    seam = seam | ((along - along.floor() - 0.5).abs() > 0.5 - 0.012 / length)
    detail = 0.5 * (plank - 0.5) + 0.38 * streak * _fade(grain, 0.08) - 0.6 * seam.float()
    return tone * (1 + _fade(grain, width) * detail).clamp(min=0.2)[:, None]


def _tiled(
    x: Tensor,
    y: Tensor,
    grain: Tensor,
    tone: Tensor,
    joint: Tensor,
    size: Tensor,
    shift: Tensor,
    gap: Tensor,
    salt: Tensor,
) -> Tensor:
    u, v = x / size + shift[:, 0], y / size + shift[:, 1]
    edge = torch.maximum((u % 1 - 0.5).abs(), (v % 1 - 0.5).abs()) * size
    line = ((edge - size / 2 + gap) / (0.35 * gap)).clamp(0, 1) * _fade(grain, size)
    value = 1 + 0.12 * (_hash(u.floor(), v.floor(), salt) - 0.5) * _fade(grain, size)
    return torch.lerp(tone * value[:, None], joint, line[:, None])


def _stone(x: Tensor, y: Tensor, grain: Tensor, tone: Tensor, scale: Tensor, salt: Tensor) -> Tensor:
    value = torch.zeros_like(x)
    for f in (2, 5, 11):
        mottled = _noise(x * scale * f, y * scale * f, salt + f) - 0.5
        value += 0.5 * _fade(grain, 1.5 / f / scale) * mottled
    spots = (_noise(x * scale * 17, y * scale * 17, salt + 3) > 0.72) * _fade(grain, 0.1)
    return tone * (0.9 + 0.6 * value - 0.15 * spots).clamp(min=0.2)[:, None]


def _checkered(
    x: Tensor, y: Tensor, grain: Tensor, size: Tensor, shift: Tensor, pale: Tensor, dark: Tensor
) -> Tensor:
    odd = ((x / size + shift[:, 0]).floor() + (y / size + shift[:, 1]).floor()) % 2
    return torch.lerp(dark, pale, (0.5 + (odd - 0.5) * _fade(grain, size))[:, None])


def _carpet(x: Tensor, y: Tensor, grain: Tensor, tone: Tensor, salt: Tensor) -> Tensor:
    pile = (_noise(x * 45, y * 45, salt) - 0.5) * _fade(grain, 0.06)
    return tone * (1 + 0.5 * (pile + 0.4 * (_noise(x * 4, y * 4, salt + 1) - 0.5)))[:, None]


def _plain(x: Tensor, y: Tensor, grain: Tensor, tone: Tensor, salt: Tensor) -> Tensor:
    return tone * (1 + 0.06 * (_noise(x * 1.5, y * 1.5, salt) - 0.5))[:, None]


def _brick(
    x: Tensor,
    y: Tensor,
    grain: Tensor,
    tone: Tensor,
    joint: Tensor,
    height: Tensor,
    width: Tensor,
    salt: Tensor,
) -> Tensor:
    row = (y / height).floor()
    u = x / width + 0.5 * (row % 2)
    side, rise = (0.5 - (u % 1 - 0.5).abs()) * width, (0.5 - (y / height % 1 - 0.5).abs()) * height
    fine = _fade(grain, height)
    line = 0.16 + (torch.minimum(side, rise) < 0.045 * height + 0.3 * grain) * fine - 0.16 * fine
    shade = 0.55 * (_hash(u.floor(), row, salt) - 0.5) + 0.2 * (_noise(x * 25, y * 25, salt) - 0.5)
    return torch.lerp(tone * (1 + fine * shade)[:, None], joint, line[:, None])


def _striped(
    x: Tensor,
    y: Tensor,
    grain: Tensor,
    period: Tensor,
    share: Tensor,
    shift: Tensor,
    pale: Tensor,
    other: Tensor,
) -> Tensor:
    stripe = (x / period + shift) % 1 < share
    return torch.lerp(pale, other, (share + (stripe.float() - share) * _fade(grain, period))[:, None])


PAINT: dict[str, Paint] = {
    "wooden floor": _wooden,
    "tiled floor": _tiled,
    "stone floor": _stone,
    "checkered floor": _checkered,
    "carpet": _carpet,
    "white wall": _plain,
    "grey wall": _plain,
    "green wall": _plain,
    "brick wall": _brick,
    "striped wall": _striped,
}
