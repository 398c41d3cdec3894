"""A second, smaller object beside the first one: it is in the picture, not in the prompt, and not salient."""

from __future__ import annotations

import numpy as np

from studio import shapes
from studio.world import CLASSES, FRUIT, SIZE, Stage, inside

SHARE = 0.45  # of the scenes get one where it fits, which makes about a third of all
SCALE = (0.3, 0.5)  # of the first object's largest extent
SMALLEST = 12.0  # pixels
COVERED = 0.2  # how much of its box the first object's box may cover
TRIES = 60

Mesh = tuple[np.ndarray, np.ndarray, np.ndarray]


def companion(kind: int, first: np.ndarray, stage: Stage, rng: np.random.Generator) -> Mesh | None:
    """Corners [n,3,3], normals [n,3,3] and parts [n] of an object of another class, or None.

    It stands on the floor, clear of the walls and of the first object (vertices ``first`` [n,3], class
    ``kind``), wholly in the picture and at most half as large.
    """
    if rng.random() >= SHARE:
        return None
    others = [name for name in CLASSES if name != CLASSES[kind] and name not in FRUIT]  # of any colour
    corners, normals, part = shapes.build(str(rng.choice(others)), rng)
    corners = corners * rng.uniform(*SCALE)
    points = np.unique(corners.reshape(-1, 3), axis=0)
    low, high = _box(first, stage)
    apart, reach = _reach(first) + _reach(points) + 0.03, _reach(points)
    for _ in range(TRIES):
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(apart, apart + 1.2)
        at = distance * np.array([np.cos(angle), np.sin(angle), 0.0])
        if not inside(at, stage.walls, reach + 0.02):
            continue
        seen = stage.project(points + at)
        if seen[:, 2].min() < 0.2:
            continue
        left, right = seen[:, :2].min(axis=0), seen[:, :2].max(axis=0)
        extent, common = right - left, np.clip(np.minimum(right, high) - np.maximum(left, low), 0, None)
        if (
            left.min() > 1
            and right.max() < SIZE - 1
            and SMALLEST < extent.max() < (high - low).max() / 2
            and common.prod() < COVERED * extent.prod()
        ):
            return corners + at, normals, part
    return None


def _box(points: np.ndarray, stage: Stage) -> tuple[np.ndarray, np.ndarray]:
    seen = stage.project(points)[:, :2]
    return seen.min(axis=0), seen.max(axis=0)


def _reach(points: np.ndarray) -> float:
    """The largest distance from the upright axis."""
    return float(np.hypot(points[:, 0], points[:, 1]).max())
