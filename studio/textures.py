"""Floors and walls: what is drawn of each at random, and its albedo where it is seen.

A texture is two functions: one draws its values, the other paints an albedo [n,3] from surface coordinates
``x`` and ``y`` [n] of a floor or wall, from ``grain`` [n], how far they move from one fine pixel to the next,
and from those values. ``studio.colour`` paints the same from the same values, many scenes at once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from studio.world import FLOORS, WALLS

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
TABLE = np.random.default_rng(0).random(1 << 16, dtype=np.float32)
Array = np.ndarray
Values = dict[str, float | Array]


def _hash(i: Array, j: Array, salt: int) -> Array:
    """A random value in 0..1 for every pair of whole numbers, repeating after 256."""
    return TABLE[((i.astype(np.int32) + salt) & 255) << 8 | (j.astype(np.int32) + (salt >> 8)) & 255]


def noise(x: Array, y: Array, salt: int) -> Array:
    """Smooth value noise in 0..1 with one cell a unit."""
    i, j = np.floor(x), np.floor(y)
    u, v = x - i, y - j
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    row, column = i.astype(np.int32) + salt, j.astype(np.int32) + (salt >> 8)
    rows = (row & 255) << 8, (row + 1 & 255) << 8
    columns = column & 255, column + 1 & 255
    a, b, c, d = (TABLE[r | c] for c in columns for r in rows)
    a += (b - a) * u
    c += (d - c) * u
    return a + (c - a) * v


def _fade(grain: Array, period: float) -> Array:
    """1 where a pattern of this period is resolved, 0 where it is finer than the pixels."""
    return np.clip(2 - 5 * grain / period, 0, 1)


def _salt(rng: np.random.Generator) -> int:
    return int(rng.integers(1 << 30))


def _muted(rng: np.random.Generator, low: float, high: float, chroma: float) -> Array:
    """A random tone of luminance low..high with little colour."""
    tone = np.exp(rng.normal(0, chroma, 3))
    return (tone / (tone @ LUMINANCE) * rng.uniform(low, high)).astype(np.float32)


def tint(
    tone: tuple[float, ...] | Array, rng: np.random.Generator, low: float, high: float, hue: float
) -> Array:
    """A tone scaled by ``low`` to ``high`` and shifted a little in hue."""
    return (np.array(tone) * rng.uniform(low, high) * np.exp(rng.normal(0, hue, 3))).astype(np.float32)


def _draw_wooden(rng: np.random.Generator) -> Values:
    tone = tint((0.33, 0.2, 0.11), rng, 0.55, 1.5, 0.06)
    width, length, salt = rng.uniform(0.16, 0.34), rng.uniform(1.5, 3.0), _salt(rng)
    return {"tone": tone, "width": width, "length": length, "salt": salt, "swap": rng.random() < 0.5}


def wooden(
    x: Array, y: Array, grain: Array, tone: Array, width: float, length: float, salt: int, swap: bool
) -> Array:
    """Planks of one wood, each with its own shade and grain."""
    x, y = (y, x) if swap else (x, y)
    row = np.floor(y / width)
    along = x / length + _hash(row, row, salt)
    plank = _hash(row, np.floor(along), salt + 1)
    fine = _fade(grain, width)
    vein = noise(x * 2.5 + 40 * plank, y * 38, salt) - 0.5
    streak = vein + 0.6 * (noise(x * 0.9, y * 11 + 9 * plank, salt + 2) - 0.5)
    seam = np.abs(y / width - row - 0.5) > 0.5 - 0.012 / width
    seam |= np.abs(along - np.floor(along) - 0.5) > 0.5 - 0.012 / length
    value = 1 + fine * (0.5 * (plank - 0.5) + 0.38 * streak * _fade(grain, 0.08) - 0.6 * seam)
    return tone * np.clip(value, 0.2, None)[:, None]


def _draw_tiled(rng: np.random.Generator) -> Values:
    tone, size, salt = _muted(rng, 0.25, 0.6, 0.07), rng.uniform(0.3, 0.6), _salt(rng)
    joint = tone * (rng.uniform(0.35, 0.5) if rng.random() < 0.7 else 1.5)
    shift, gap = rng.random(2), rng.uniform(0.018, 0.032)
    return {"tone": tone, "joint": joint, "size": size, "shift": shift, "gap": gap, "salt": salt}


def tiled(
    x: Array,
    y: Array,
    grain: Array,
    tone: Array,
    joint: Array,
    size: float,
    shift: Array,
    gap: float,
    salt: int,
) -> Array:
    """Square tiles with grout."""
    u, v = x / size + shift[0], y / size + shift[1]
    edge = np.maximum(np.abs(u % 1 - 0.5), np.abs(v % 1 - 0.5)) * size
    line = np.clip((edge - size / 2 + gap) / (0.35 * gap), 0, 1) * _fade(grain, size)
    value = 1 + 0.12 * (_hash(np.floor(u), np.floor(v), salt) - 0.5) * _fade(grain, size)
    return (tone * value[:, None]) * (1 - line[:, None]) + joint * line[:, None]


def _draw_stone(rng: np.random.Generator) -> Values:
    return {"tone": _muted(rng, 0.18, 0.4, 0.04), "scale": rng.uniform(0.8, 1.6), "salt": _salt(rng)}


def stone(x: Array, y: Array, grain: Array, tone: Array, scale: float, salt: int) -> Array:
    """Mottled grey stone."""
    value = np.zeros_like(x)
    for f in (2, 5, 11):
        fine = _fade(grain, 1.5 / f / scale)
        value += 0.5 * fine * (noise(x * scale * f, y * scale * f, salt + f) - 0.5)
    spots = (noise(x * scale * 17, y * scale * 17, salt + 3) > 0.72) * _fade(grain, 0.1)
    return tone * np.clip(0.9 + 0.6 * value - 0.15 * spots, 0.2, None)[:, None]


def _draw_checkered(rng: np.random.Generator) -> Values:
    size, shift = rng.uniform(0.25, 0.5), rng.random(2)
    pale = _muted(rng, 0.5, 0.75, 0.05)
    return {"size": size, "shift": shift, "pale": pale, "dark": _muted(rng, 0.04, 0.15, 0.2)}


def checkered(x: Array, y: Array, grain: Array, size: float, shift: Array, pale: Array, dark: Array) -> Array:
    """Squares in two tones."""
    odd = (np.floor(x / size + shift[0]) + np.floor(y / size + shift[1])) % 2
    mix = 0.5 + (odd - 0.5) * _fade(grain, size)
    return pale * mix[:, None] + dark * (1 - mix[:, None])


CARPETS = (
    (0.30, 0.12, 0.11),
    (0.12, 0.17, 0.28),
    (0.15, 0.23, 0.15),
    (0.36, 0.3, 0.22),
    (0.2, 0.2, 0.21),
    (0.24, 0.15, 0.24),
)


def _draw_carpet(rng: np.random.Generator) -> Values:
    tone = tint(CARPETS[rng.integers(len(CARPETS))], rng, 0.7, 1.4, 0.03)
    return {"tone": tone, "salt": _salt(rng)}


def carpet(x: Array, y: Array, grain: Array, tone: Array, salt: int) -> Array:
    """A plain, woolly carpet in a muted colour."""
    pile = (noise(x * 45, y * 45, salt) - 0.5) * _fade(grain, 0.06)
    return tone * (1 + 0.5 * (pile + 0.4 * (noise(x * 4, y * 4, salt + 1) - 0.5)))[:, None]


def _draw_plain(
    tone: tuple[float, float, float], low: float, high: float
) -> Callable[[np.random.Generator], Values]:
    def draw(rng: np.random.Generator) -> Values:
        return {"tone": tint(tone, rng, low, high, 0.025), "salt": _salt(rng)}

    return draw


def plain(x: Array, y: Array, grain: Array, tone: Array, salt: int) -> Array:
    """A plain wall in one tone."""
    return tone * (1 + 0.06 * (noise(x * 1.5, y * 1.5, salt) - 0.5))[:, None]


def _draw_brick(rng: np.random.Generator) -> Values:
    tone = tint((0.34, 0.145, 0.10), rng, 0.7, 1.25, 0.06)
    joint = _muted(rng, 0.35, 0.5, 0.03)
    height, salt = rng.uniform(0.12, 0.2), _salt(rng)
    width = height * rng.uniform(2.4, 3.2)
    return {"tone": tone, "joint": joint, "height": height, "width": width, "salt": salt}


def brick(
    x: Array, y: Array, grain: Array, tone: Array, joint: Array, height: float, width: float, salt: int
) -> Array:
    """Rows of bricks, every other one shifted by half."""
    row = np.floor(y / height)
    u = x / width + 0.5 * (row % 2)
    side = (0.5 - np.abs(u % 1 - 0.5)) * width
    rise = (0.5 - np.abs(y / height % 1 - 0.5)) * height
    fine = _fade(grain, height)
    line = 0.16 + (np.minimum(side, rise) < 0.045 * height + 0.3 * grain) * fine - 0.16 * fine
    shade = 0.55 * (_hash(np.floor(u), row, salt) - 0.5) + 0.2 * (noise(x * 25, y * 25, salt) - 0.5)
    return tone * ((1 + fine * shade) * (1 - line))[:, None] + joint * line[:, None]


def _draw_striped(rng: np.random.Generator) -> Values:
    period, share, shift = rng.uniform(0.22, 0.5), rng.uniform(0.35, 0.65), rng.random()
    pale = _muted(rng, 0.55, 0.75, 0.04)
    other = _muted(rng, 0.2, 0.38, 0.2)
    return {"period": period, "share": share, "shift": shift, "pale": pale, "other": other}


def striped(
    x: Array, y: Array, grain: Array, period: float, share: float, shift: float, pale: Array, other: Array
) -> Array:
    """Upright stripes in two tones."""
    stripe = (x / period + shift) % 1 < share
    mix = share + (stripe - share) * _fade(grain, period)
    return pale * (1 - mix[:, None]) + other * mix[:, None]


WHITE, GREY, GREEN = (0.78, 0.77, 0.74), (0.3, 0.3, 0.31), (0.2, 0.3, 0.2)
DRAW: dict[str, Callable[[np.random.Generator], Values]] = dict(
    zip(
        (*FLOORS, *WALLS),
        (
            *(_draw_wooden, _draw_tiled, _draw_stone, _draw_checkered, _draw_carpet),
            *(_draw_plain(WHITE, 0.85, 1.05), _draw_plain(GREY, 0.7, 1.3), _draw_plain(GREEN, 0.7, 1.3)),
            *(_draw_brick, _draw_striped),
        ),
        strict=True,
    )
)
PAINT: dict[str, Callable[..., Array]] = dict(
    zip(
        (*FLOORS, *WALLS),
        (wooden, tiled, stone, checkered, carpet, plain, plain, plain, brick, striped),
        strict=True,
    )
)
