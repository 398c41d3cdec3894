"""Scenes in the form of `studio.render`, from a ray's arithmetic instead of a renderer."""

import os
from collections.abc import Callable

import numpy as np
import pytest

from studio.world import CLASSES, OBJECT

Render = dict[str, np.ndarray]
FINE = 256


def scene(index: int) -> Render:
    """One scene: a floor and two walls seen by a tilted camera, a disc of parts before them, smooth light."""
    rng = np.random.default_rng(index)
    rows, columns = np.mgrid[0:FINE, 0:FINE]
    x, y = (columns + 0.5) / FINE * 2 - 1, 1 - (rows + 0.5) / FINE * 2
    pitch, slope, high = np.radians(rng.uniform(10, 45)), rng.uniform(0.3, 0.5), rng.uniform(0.8, 1.5)
    forward, up = np.array([0, np.cos(pitch), -np.sin(pitch)]), np.array([0, np.sin(pitch), np.cos(pitch)])
    rays = forward + slope * (x[..., None] * [1, 0, 0] + y[..., None] * up)
    turn = np.radians(rng.uniform(20, 70))
    reach = np.full((FINE, FINE), 1e3)
    ids, coords = np.zeros((FINE, FINE), np.uint8), np.zeros((FINE, FINE, 2))
    for part, normal in enumerate(
        ([0, 0, -1.0], [np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0])
    ):
        gap = high if part == 0 else rng.uniform(3, 5)
        along = rays @ np.array(normal)
        with np.errstate(divide="ignore"):
            t = np.where(along > 1e-9, gap / along, 1e9)
        point = rays * t[..., None]
        across = (
            point[..., :2]
            if part == 0
            else np.stack([point @ np.cross(normal, [0, 0, 1]), point[..., 2]], -1)
        )
        nearer = t < reach
        reach[nearer], ids[nearer], coords[nearer] = t[nearer], part, across[nearer]
    centre = rng.uniform(-0.4, 0.4, 2)
    thing = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < rng.uniform(0.2, 0.45) ** 2
    ids[thing] = OBJECT + 1 + (columns // 8 % 3)[thing]
    coords[thing], reach[thing] = 0, 1.5
    depth = np.clip(reach, 0, 60).reshape(128, 2, 128, 2).mean((1, 3))
    shading = 0.5 + 0.3 * np.sin(3 * x + index) * np.cos(2 * y)
    return {
        "ids": ids,
        "coords": np.clip(coords, -60, 60).astype(np.float16),
        "depth": depth.astype(np.float16),
        "shading": shading.reshape(128, 2, 128, 2).mean((1, 3)).astype(np.float16),
        "class": np.uint8(index % len(CLASSES)),
        "roll": np.float32(0),
        "light": np.array([rng.normal(), rng.normal(), 2.0], np.float32),
        "index": np.int32(index),
    }


@pytest.fixture(scope="session")
def renders() -> Callable[[int], Render]:
    """The first scenes, so many."""
    every = [scene(i) for i in range(12)]
    return lambda count: {key: np.stack([s[key] for s in every[:count]]) for key in every[0]}


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings that find one core free, whatever the machine has."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
