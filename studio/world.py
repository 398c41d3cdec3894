"""What the still life may contain: its vocabulary, its prompts, and how a scene is staged.

Lengths are scene units: every object has a largest extent of about one unit, stands at the origin on the
floor plane z = 0, and shows its front towards -y, where the camera is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLASSES = ("lemon", "orange", "mug", "bottle", "armchair", "table", "lamp", "cone", "house", "car")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white")
FLOORS = ("wooden floor", "tiled floor", "stone floor", "checkered floor", "carpet")
WALLS = ("white wall", "grey wall", "green wall", "brick wall", "striped wall")
FRUIT = {"lemon": ("yellow", "green"), "orange": ("orange",)}
HELD_OUT = frozenset(
    {
        ("purple", "mug"),
        ("green", "armchair"),
        ("blue", "cone"),
        ("red", "lamp"),
        ("yellow", "car"),
        ("pink", "bottle"),
        ("orange", "house"),
        ("white", "table"),
    }
)
SIZE = 128
OBJECT, COMPANION = 2, 8  # ids: 0 floor, 1 and 2 walls, then either object's id plus the part
OBJECT_PX = (56.0, 100.0)
MAX_PITCH = {"lamp": 38.0, "bottle": 42.0, "table": 48.0, "cone": 48.0, "house": 50.0, "mug": 52.0}


def colours_of(name: str, held_out: bool = False) -> tuple[str, ...]:
    """The colours a class may have; without ``held_out``, those it has in the training pictures."""
    return tuple(c for c in FRUIT.get(name, COLOURS) if held_out or (c, name) not in HELD_OUT)


def article(words: str) -> str:
    """``words`` after its indefinite article."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def noun(name: str, colour: str, plain: bool = False, size: str = "") -> str:
    """The object in words: an orange goes without its colour, a yellow lemon may (``plain``)."""
    bare = name == "orange" or (plain and name == "lemon" and colour == "yellow")
    return article(" ".join(filter(None, (size, "" if bare else colour, name))))


def prompt(
    name: str, colour: str, floor: str, wall: str, rng: np.random.Generator, size: str = "", told: str = ""
) -> str:
    """A random prompt that describes the picture, without position, size or light unless they are given.

    ``size`` stands before the object, ``told`` at the end.
    """
    thing, place = noun(name, colour, rng.random() < 0.3, size), f"on a {floor}"
    style = rng.choice(4, p=(0.5, 0.15, 0.15, 0.2))
    said = (
        f"{thing} {place}",
        thing,
        f"a photo of {thing} {place}",
        f"{thing} {place} in front of a {wall}",
    )[style]
    return f"{said} {told}" if told else said


@dataclass(frozen=True)
class Stage:
    """Where camera, walls and lights are.

    ``axes`` [3,3] has the camera's right, up and forward as rows; ``walls`` [2,3] a wall's outward normal
    (x, y) and distance from the origin; ``lights`` [2,5] a sphere's centre, radius and radiance. Angles are
    in degrees.
    """

    eye: np.ndarray
    axes: np.ndarray
    fov: float
    walls: np.ndarray
    lights: np.ndarray
    ambient: float
    pitch: float
    roll: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixel positions and depth [n,3] of world points [n,3]."""
        right, up, depth = self.axes @ (points - self.eye).T
        scale = SIZE / 2 / np.tan(np.radians(self.fov) / 2)
        return np.stack([SIZE / 2 + scale * right / depth, SIZE / 2 - scale * up / depth, depth], axis=1)


def camera_axes(pitch: float, roll: float) -> np.ndarray:
    """Right, up and forward [3,3] of a camera facing +y, tilted down by ``pitch``, then rolled (degrees)."""
    p, r = np.radians([pitch, roll])
    right, up = np.array([1.0, 0, 0]), np.array([0, np.sin(p), np.cos(p)])
    forward = np.array([0, np.cos(p), -np.sin(p)])
    return np.stack([np.cos(r) * right + np.sin(r) * up, np.cos(r) * up - np.sin(r) * right, forward])


def stage(name: str, points: np.ndarray, rng: np.random.Generator) -> Stage:
    """Stages an object with vertices ``points`` [n,3].

    Its size and place in the picture are drawn first and kept; camera, walls and lights until they fit.
    """
    size = rng.uniform(*OBJECT_PX)
    where = rng.random(2)
    reach = float(np.hypot(points[:, 0], points[:, 1]).max())
    while True:
        found = _camera(name, points, size, where, rng)
        walls = _walls(reach, rng)
        if found is None or not inside(found["eye"], walls, 0.25):
            continue
        lights = _lights(found, walls, rng)
        if lights is not None:
            return Stage(**found, walls=walls, **lights)


def _camera(
    name: str, points: np.ndarray, size: float, where: np.ndarray, rng: np.random.Generator
) -> dict | None:
    """A camera that sees the object ``size`` pixels large, at ``where`` (0..1) of the places it fits."""
    pitch = rng.uniform(6.0, MAX_PITCH.get(name, 54.0))
    roll = rng.uniform(-18, 18)
    fov = rng.uniform(28.0, 58.0)
    axes = camera_axes(pitch, roll)
    slope = np.tan(np.radians(fov) / 2)
    centre, target, distance = points.mean(axis=0), np.full(2, SIZE / 2), 2.5
    for _ in range(12):
        x, y = (target / (SIZE / 2) - 1) * slope
        eye = centre - distance * (np.array([x, -y, 1.0]) @ axes)
        pose = Stage(eye, axes, fov, np.empty(0), np.empty(0), 0.0, pitch, roll)
        seen = pose.project(points)
        if seen[:, 2].min() < 0.2:
            return None
        low, high = seen[:, :2].min(axis=0), seen[:, :2].max(axis=0)
        span = high - low
        distance *= (span.max() / size) ** 0.9
        target = target + (2 + span / 2 + where * (SIZE - 4 - span)) - (low + high) / 2
    if abs(span.max() - size) > 1.5 or low.min() < 0 or high.max() > SIZE or eye[2] < 0.12:
        return None
    return {"eye": eye, "axes": axes, "fov": fov, "pitch": pitch, "roll": roll}


def _walls(reach: float, rng: np.random.Generator) -> np.ndarray:
    """Two walls [2,3] in a right angle behind the object, near or far."""
    bisector = np.radians(90 + rng.uniform(-65, 65))
    angles = bisector + np.radians([45, -45])
    gaps = reach + np.exp(rng.uniform(np.log(0.08), np.log(5.0), 2))
    return np.stack([np.cos(angles), np.sin(angles), gaps], axis=1)


def inside(point: np.ndarray, walls: np.ndarray, margin: float) -> bool:
    """Whether a point is at least ``margin`` before both walls."""
    return bool((walls[:, :2] @ point[:2] < walls[:, 2] - margin).all())


def _lights(camera: dict, walls: np.ndarray, rng: np.random.Generator) -> dict | None:
    """A main light from any side, sometimes a second one, and a weak even ambient light; none is in view."""
    ambient = rng.uniform(0.08, 0.25)
    strengths = (1 - ambient, rng.uniform(0.1, 0.35) if rng.random() < 0.3 else 0.0)
    rows = []
    for strength in strengths:
        for _ in range(40):
            azimuth, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(18, 68))
            distance = rng.uniform(2.5, 9.0)
            radius = distance * rng.uniform(0.02, 0.08)
            flat = np.cos(height) * np.array([np.cos(azimuth), np.sin(azimuth)])
            centre = distance * np.array([*flat, np.sin(height)])
            right, up, depth = camera["axes"] @ (centre - camera["eye"])
            edge = 1.5 * np.tan(np.radians(camera["fov"]) / 2) * max(depth, 0) + 2 * radius
            in_view = depth > -radius and max(abs(right), abs(up)) < edge
            shades = np.linalg.norm(centre - camera["eye"]) < radius + 0.3
            in_room = inside(centre, walls, radius + 0.4) and centre[2] > radius + 0.3
            if in_room and not in_view and not shades:
                rows.append([*centre, radius, strength * 1.4 * (distance / radius) ** 2])
                break
        else:
            return None
    return {"lights": np.array(rows), "ambient": ambient}
