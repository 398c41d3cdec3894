"""Colours a render: albedo from part ids and procedural textures, times shading; and puts it in words.

``python -m studio.compose --sheet FILE.png`` draws 64 random pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from studio.textures import DRAW, PAINT, Values
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


@dataclass(frozen=True)
class Draw:
    """What is drawn at random to colour one scene, and what the scene then shows in words.

    ``parts`` [OBJECT + 13,3] is the albedo of each id, 0 for floor and walls, whose textures are painted from
    ``floor_values`` and ``wall_values``; ``warmth`` [3] and ``gain`` are of the light.
    """

    name: str
    colour: str
    floor: str
    wall: str
    parts: Array
    floor_values: Values
    wall_values: Values
    warmth: Array
    gain: float


def draw(
    name: str,
    rng: np.random.Generator,
    held_out: bool = False,
    colour: str | None = None,
    floor: str | None = None,
    wall: str | None = None,
) -> Draw:
    """Draws how a scene of class ``name`` is coloured; what is given is kept.

    Pairs kept from the training pictures are drawn only with ``held_out``.
    """
    colour = colour or str(rng.choice(colours_of(name, held_out)))
    floor = floor or str(rng.choice(FLOORS))
    wall = wall or str(rng.choice(WALLS))
    other = str(rng.choice([c for c in COLOURS if c != colour]))
    parts = [np.zeros((OBJECT + 1, 3), np.float32), palette(colour, rng), palette(other, rng)]
    return Draw(
        name=name,
        colour=colour,
        floor=floor,
        wall=wall,
        parts=np.concatenate(parts),
        floor_values=DRAW[floor](rng),
        wall_values=DRAW[wall](rng),
        warmth=np.exp(rng.normal(0, 0.03) * np.array([1.0, 0.0, -1.0])).astype(np.float32),
        gain=rng.uniform(1.05, 1.3),
    )


def compose(
    render: Mapping[str, Array],
    rng: np.random.Generator,
    held_out: bool = False,
    colour: str | None = None,
    floor: str | None = None,
    wall: str | None = None,
) -> Scene:
    """Colours one render (see ``pick``) as `draw` says, and describes it."""
    drawn = draw(CLASSES[int(render["class"])], rng, held_out, colour, floor, wall)
    ids, shading = render["ids"], render["shading"].astype(np.float32)
    picture, albedo = paint(ids, render["coords"].astype(np.float32), shading, drawn)
    return Scene(
        picture=picture,
        mask=_halved(((ids > OBJECT) & (ids <= COMPANION)).astype(np.float32)),
        depth=render["depth"].astype(np.float32),
        shading=shading,
        albedo=albedo,
        name=drawn.name,
        colour=drawn.colour,
        floor=drawn.floor,
        wall=drawn.wall,
        prompt=prompt(drawn.name, drawn.colour, drawn.floor, drawn.wall, rng),
    )


def paint(ids: Array, coords: Array, shading: Array, drawn: Draw) -> tuple[Array, Array]:
    """A picture uint8 [128,128,3] and its albedo [128,128,3] from what was drawn.

    ``ids`` [256,256] and ``coords`` [256,256,2] are the render's, ``shading`` [128,128] its light.
    """
    albedo = drawn.parts[ids]
    grain = _footprint(coords)
    wall = drawn.wall, drawn.wall_values
    for number, (texture, values) in enumerate(((drawn.floor, drawn.floor_values), wall, wall)):
        here = ids == number
        albedo[here] = PAINT[texture](coords[..., 0][here], coords[..., 1][here], grain[here], **values)
    albedo = _halved(albedo)
    light = albedo * shading[..., None] * drawn.warmth * np.float32(drawn.gain)
    return (srgb(light) * 255 + 0.5).astype(np.uint8), albedo


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

    from studio.kept import folder
    from studio.render import load

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
