"""Colours a render: albedo from part ids and procedural textures, times shading; and puts it in words.

``python -m studio.compose --sheet FILE.png`` draws 64 random pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from studio.world import CLASSES, COLOURS, COMPANION, FLOORS, OBJECT, WALLS, colours_of, prompt

ALBEDO = {  # linear reflectance
    "red": (0.62, 0.035, 0.03),
    "orange": (0.85, 0.25, 0.015),
    "yellow": (0.86, 0.62, 0.03),
    "green": (0.06, 0.38, 0.06),
    "blue": (0.03, 0.11, 0.58),
    "purple": (0.24, 0.05, 0.46),
    "pink": (0.86, 0.28, 0.45),
    "white": (0.88, 0.88, 0.86),
}
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
Array = np.ndarray


@dataclass(frozen=True)
class Scene:
    """A picture uint8 [128,128,3], what made it, and what it shows in words.

    ``mask`` [128,128] is the object's coverage in 0..1, ``depth`` [128,128] z in scene units (near is small),
    ``shading`` [128,128] and ``albedo`` [128,128,3] are linear.
    """

    picture: Array
    mask: Array
    depth: Array
    shading: Array
    albedo: Array
    name: str
    colour: str
    floor: str
    wall: str
    prompt: str


def compose(
    render: Mapping[str, Array],
    rng: np.random.Generator,
    held_out: bool = False,
    colour: str | None = None,
    floor: str | None = None,
    wall: str | None = None,
) -> Scene:
    """Colours one render (see ``pick``); what is not given is drawn.

    Pairs kept from the training pictures are drawn only with ``held_out``.
    """
    name = CLASSES[int(render["class"])]
    colour = colour or str(rng.choice(colours_of(name, held_out)))
    floor = floor or str(rng.choice(FLOORS))
    wall = wall or str(rng.choice(WALLS))
    ids, coords = render["ids"], render["coords"].astype(np.float32)
    shading = render["shading"].astype(np.float32)
    other = str(rng.choice([c for c in COLOURS if c != colour]))
    albedo = np.concatenate(
        [np.zeros((OBJECT + 1, 3), np.float32), palette(colour, rng), palette(other, rng)]
    )[ids]
    grain = _footprint(coords)
    paint_floor, paint_wall = FLOOR_PAINT[floor](rng), WALL_PAINT[wall](rng)
    for number, paint in enumerate((paint_floor, paint_wall, paint_wall)):
        here = ids == number
        albedo[here] = paint(coords[..., 0][here], coords[..., 1][here], grain[here])
    albedo = _halved(albedo)
    warmth = np.exp(rng.normal(0, 0.03) * np.array([1.0, 0.0, -1.0])).astype(np.float32)
    light = albedo * shading[..., None] * warmth * np.float32(rng.uniform(1.05, 1.3))
    return Scene(
        picture=(srgb(light) * 255 + 0.5).astype(np.uint8),
        mask=_halved(((ids > OBJECT) & (ids <= COMPANION)).astype(np.float32)),
        depth=render["depth"].astype(np.float32),
        shading=shading,
        albedo=albedo,
        name=name,
        colour=colour,
        floor=floor,
        wall=wall,
        prompt=prompt(name, colour, floor, wall, rng),
    )


def pick(renders: Mapping[str, Array], i: int) -> dict[str, Array]:
    """The ``i``-th scene of a block or of everything ``studio.render.load`` returned."""
    return {k: v[i] for k, v in renders.items()}


def srgb(linear: Array) -> Array:
    """Linear light to display values in 0..1, with a soft shoulder above 0.8."""
    high = 0.8 + 0.2 * (1 - np.exp(-(linear - 0.8) / 0.2))
    x = np.clip(np.where(linear > 0.8, high, linear), 0, 1)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)


def _halved(fine: Array) -> Array:
    return (fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]) / 4


def _footprint(coords: Array) -> Array:
    """How far the surface coordinates move from one fine pixel to the next [256,256]."""
    step = np.zeros(coords.shape[:2], np.float32)
    for flat in (coords[..., 0], coords[..., 1]):
        np.maximum(step[1:], np.abs(flat[1:] - flat[:-1]), out=step[1:])
        np.maximum(step[:, 1:], np.abs(flat[:, 1:] - flat[:, :-1]), out=step[:, 1:])
    return step


def palette(colour: str, rng: np.random.Generator) -> Array:
    """Albedo of an object's parts [6,3]: main, dark, light, natural, leaf and deep."""
    main = np.array(ALBEDO[colour]) * rng.uniform(0.85, 1.1) * np.exp(rng.normal(0, 0.07, 3))
    if colour == "white":
        main = np.array(ALBEDO[colour]) * rng.uniform(0.93, 1.03)
    bright = np.full(3, 0.3) if colour == "white" else np.array([0.82, 0.81, 0.77])
    wood = np.array([0.27, 0.13, 0.055]) * rng.uniform(0.6, 1.3)
    parts = [main, np.full(3, 0.03), bright, wood, (0.05, 0.22, 0.03), main * 0.5]
    return np.clip(parts, 0, 0.93).astype(np.float32)


TABLE = np.random.default_rng(0).random(1 << 16, dtype=np.float32)


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


# surface coordinates and their step from pixel to pixel [n] -> albedo [n,3]
Paint = Callable[[Array, Array, Array], Array]


def wooden(rng: np.random.Generator) -> Paint:
    """Planks of one wood, each with its own shade and grain."""
    tone = tint((0.33, 0.2, 0.11), rng, 0.55, 1.5, 0.06)
    width, length, salt = rng.uniform(0.16, 0.34), rng.uniform(1.5, 3.0), _salt(rng)
    swap = rng.random() < 0.5

    def paint(x: Array, y: Array, grain: Array) -> Array:
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

    return paint


def tiled(rng: np.random.Generator) -> Paint:
    """Square tiles with grout."""
    tone, size, salt = _muted(rng, 0.25, 0.6, 0.07), rng.uniform(0.3, 0.6), _salt(rng)
    joint = tone * (rng.uniform(0.35, 0.5) if rng.random() < 0.7 else 1.5)
    shift, gap = rng.random(2), rng.uniform(0.018, 0.032)

    def paint(x: Array, y: Array, grain: Array) -> Array:
        u, v = x / size + shift[0], y / size + shift[1]
        edge = np.maximum(np.abs(u % 1 - 0.5), np.abs(v % 1 - 0.5)) * size
        line = np.clip((edge - size / 2 + gap) / (0.35 * gap), 0, 1) * _fade(grain, size)
        value = 1 + 0.12 * (_hash(np.floor(u), np.floor(v), salt) - 0.5) * _fade(grain, size)
        return (tone * value[:, None]) * (1 - line[:, None]) + joint * line[:, None]

    return paint


def stone(rng: np.random.Generator) -> Paint:
    """Mottled grey stone."""
    tone, scale, salt = _muted(rng, 0.18, 0.4, 0.04), rng.uniform(0.8, 1.6), _salt(rng)

    def paint(x: Array, y: Array, grain: Array) -> Array:
        value = 0.0
        for f in (2, 5, 11):
            fine = _fade(grain, 1.5 / f / scale)
            value += 0.5 * fine * (noise(x * scale * f, y * scale * f, salt + f) - 0.5)
        spots = (noise(x * scale * 17, y * scale * 17, salt + 3) > 0.72) * _fade(grain, 0.1)
        return tone * np.clip(0.9 + 0.6 * value - 0.15 * spots, 0.2, None)[:, None]

    return paint


def checkered(rng: np.random.Generator) -> Paint:
    """Squares in two tones."""
    size, shift = rng.uniform(0.25, 0.5), rng.random(2)
    pale = _muted(rng, 0.5, 0.75, 0.05)
    dark = _muted(rng, 0.04, 0.15, 0.2)

    def paint(x: Array, y: Array, grain: Array) -> Array:
        odd = (np.floor(x / size + shift[0]) + np.floor(y / size + shift[1])) % 2
        mix = 0.5 + (odd - 0.5) * _fade(grain, size)
        return pale * mix[:, None] + dark * (1 - mix[:, None])

    return paint


CARPETS = (
    (0.30, 0.12, 0.11),
    (0.12, 0.17, 0.28),
    (0.15, 0.23, 0.15),
    (0.36, 0.3, 0.22),
    (0.2, 0.2, 0.21),
    (0.24, 0.15, 0.24),
)


def carpet(rng: np.random.Generator) -> Paint:
    """A plain, woolly carpet in a muted colour."""
    tone = tint(CARPETS[rng.integers(len(CARPETS))], rng, 0.7, 1.4, 0.03)
    salt = _salt(rng)

    def paint(x: Array, y: Array, grain: Array) -> Array:
        pile = (noise(x * 45, y * 45, salt) - 0.5) * _fade(grain, 0.06) + 0.4 * (
            noise(x * 4, y * 4, salt + 1) - 0.5
        )
        return tone * (1 + 0.5 * pile)[:, None]

    return paint


def plain(
    tone: tuple[float, float, float], low: float, high: float
) -> Callable[[np.random.Generator], Paint]:
    """A plain wall: a tone scaled by ``low`` to ``high``."""

    def make(rng: np.random.Generator) -> Paint:
        colour = tint(tone, rng, low, high, 0.025)
        salt = _salt(rng)
        return lambda x, y, grain: colour * (1 + 0.06 * (noise(x * 1.5, y * 1.5, salt) - 0.5))[:, None]

    return make


def brick(rng: np.random.Generator) -> Paint:
    """Rows of bricks, every other one shifted by half."""
    tone = tint((0.34, 0.145, 0.10), rng, 0.7, 1.25, 0.06)
    joint = _muted(rng, 0.35, 0.5, 0.03)
    height, salt = rng.uniform(0.12, 0.2), _salt(rng)
    width, gap = height * rng.uniform(2.4, 3.2), 0.09 * height

    def paint(x: Array, y: Array, grain: Array) -> Array:
        row = np.floor(y / height)
        u = x / width + 0.5 * (row % 2)
        side = (0.5 - np.abs(u % 1 - 0.5)) * width
        rise = (0.5 - np.abs(y / height % 1 - 0.5)) * height
        fine = _fade(grain, height)
        line = 0.16 + (np.minimum(side, rise) < gap / 2 + 0.3 * grain) * fine - 0.16 * fine
        shade = 1 + fine * (
            0.55 * (_hash(np.floor(u), row, salt) - 0.5) + 0.2 * (noise(x * 25, y * 25, salt) - 0.5)
        )
        return tone * (shade * (1 - line))[:, None] + joint * line[:, None]

    return paint


def striped(rng: np.random.Generator) -> Paint:
    """Upright stripes in two tones."""
    period, share, shift = rng.uniform(0.22, 0.5), rng.uniform(0.35, 0.65), rng.random()
    pale = _muted(rng, 0.55, 0.75, 0.04)
    other = _muted(rng, 0.2, 0.38, 0.2)

    def paint(x: Array, y: Array, grain: Array) -> Array:
        stripe = (x / period + shift) % 1 < share
        mix = share + (stripe - share) * _fade(grain, period)
        return pale * (1 - mix[:, None]) + other * mix[:, None]

    return paint


WHITE, GREY, GREEN = (0.78, 0.77, 0.74), (0.3, 0.3, 0.31), (0.2, 0.3, 0.2)
FLOOR_PAINT = dict(zip(FLOORS, (wooden, tiled, stone, checkered, carpet), strict=True))
WALL_PAINT = dict(
    zip(
        WALLS,
        (plain(WHITE, 0.85, 1.05), plain(GREY, 0.7, 1.3), plain(GREEN, 0.7, 1.3), brick, striped),
        strict=True,
    )
)


def sheet(scenes: list[Scene], columns: int = 8) -> Array:
    """Pictures side by side, uint8."""
    rows = [
        np.concatenate([s.picture for s in scenes[i : i + columns]], axis=1)
        for i in range(0, len(scenes), columns)
    ]
    return np.concatenate(rows)


def main() -> None:
    """Draws a contact sheet and prints its prompts."""
    from PIL import Image

    from studio.render import folder, load

    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--sheet", type=Path, required=True)
    cli.add_argument("--renders", type=Path, default=folder())
    cli.add_argument("--seed", type=int, default=0)
    args = cli.parse_args()
    renders, rng = load(args.renders), np.random.default_rng(args.seed)
    total = len(renders["ids"])
    chosen = rng.choice(total, 64, replace=total < 64)
    scenes = [compose(pick(renders, i), rng) for i in chosen]
    Image.fromarray(sheet(scenes)).save(args.sheet)
    print(*(f"{k + 1:2d} {s.prompt}" for k, s in enumerate(scenes)), sep="\n")


if __name__ == "__main__":
    main()
