"""The ten objects, built from lathes, boxes, tubes and hulls with random proportions.

A part's number says what colours it: 1 main colour, 2 dark, 3 light, 4 natural (wood, brown), 5 leaf green,
6 the main colour in a darker tone. The main colour dominates from every side.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import trimesh
from scipy import sparse
from trimesh.transformations import rotation_matrix

MAIN, DARK, LIGHT, NATURAL, LEAF, DEEP = 1, 2, 3, 4, 5, 6
Part = tuple[int, trimesh.Trimesh]
X, Y, Z = np.eye(3)


def box(size: tuple, at: tuple, bevel: float = 0.0) -> trimesh.Trimesh:
    """A box of ``size`` about ``at``, its edges cut by ``bevel``."""
    half = np.array(size) / 2
    signs = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T
    if not bevel:
        return trimesh.convex.convex_hull(signs * half + at)
    cuts = [signs * (half - bevel * (1 - axis)) for axis in np.eye(3)] + [signs * (half - 0.3 * bevel)]
    return trimesh.convex.convex_hull(np.concatenate(cuts) + at)


def hull(points: list[tuple]) -> trimesh.Trimesh:
    """The convex hull of points."""
    return trimesh.convex.convex_hull(np.array(points))


def lathe(profile: list | np.ndarray, sections: int = 48) -> trimesh.Trimesh:
    """A profile of (radius, height) points turned about z."""
    return trimesh.creation.revolve(np.array(profile, dtype=float), sections=sections)


def rod(radius: float, start: tuple, end: tuple, top: float | None = None) -> trimesh.Trimesh:
    """A round rod between two points, tapering to radius ``top``."""
    start, axis = np.array(start, float), np.subtract(end, start).astype(float)
    length, top = float(np.linalg.norm(axis)), radius if top is None else top
    mesh = lathe([(0, 0), (radius, 0), (top, length), (0, length)], 28)
    mesh.apply_transform(trimesh.geometry.align_vectors(Z, axis / length))
    return mesh.apply_translation(start)


def tube(path: np.ndarray, radius: float, sections: int = 16) -> trimesh.Trimesh:
    """A tube along a path [n,2] in the x-z plane."""
    step = np.gradient(path, axis=0)
    side = np.stack([step[:, 1], -step[:, 0]], axis=1) / np.linalg.norm(step, axis=1, keepdims=True)
    turn = np.linspace(0, 2 * np.pi, sections, endpoint=False)
    flat = path[:, None] + radius * np.cos(turn)[None, :, None] * side[:, None]
    across = np.broadcast_to(1.3 * radius * np.sin(turn), flat.shape[:2])
    points = np.stack([flat[..., 0], across, flat[..., 1]], axis=-1).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(len(path) - 1), np.arange(sections), indexing="ij")
    a, b = i * sections + j, i * sections + (j + 1) % sections
    quads = np.stack([a, b, b + sections, a + sections], axis=-1).reshape(-1, 4)
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return trimesh.Trimesh(points, faces, process=False)


def turned(
    mesh: trimesh.Trimesh, degrees: float, axis: np.ndarray, about: tuple = (0, 0, 0)
) -> trimesh.Trimesh:
    """The mesh itself, turned about an axis."""
    return mesh.apply_transform(rotation_matrix(np.radians(degrees), axis, about))


def lemon(rng: np.random.Generator) -> list[Part]:
    """Lying, with a nipple at both ends."""
    t = np.linspace(0, np.pi, 48)
    width = rng.uniform(0.62, 0.72)
    z = -np.cos(t) * (1 + rng.uniform(0.16, 0.24) * np.abs(np.cos(t)) ** 14)
    r = width * np.sin(t) ** 0.95 * (1 - 0.5 * np.exp(-((np.sin(t) / 0.24) ** 2)))
    fruit = turned(lathe(np.stack([r, z], axis=1)), 90, Y)
    stem = rod(0.06, (-1.16, 0, 0), (-1.26, 0, 0))
    tilt = rng.uniform(-22, 22)
    yaw = rng.uniform(-48, 48) + rng.choice([0, 180])
    return [(p, turned(turned(m, tilt, Y), yaw, Z)) for p, m in [(MAIN, fruit), (LEAF, stem)]]


def orange(rng: np.random.Generator) -> list[Part]:
    """A dimpled ball with a stem and one or two leaves."""
    ball = trimesh.creation.icosphere(subdivisions=4)
    polar = np.arccos(np.clip(ball.vertices[:, 2], -1, 1))
    ball.vertices *= (1 - 0.09 * np.exp(-((polar / 0.24) ** 2)))[:, None] * [1, 1, rng.uniform(0.92, 1.0)]
    stem = rod(0.05, (0, 0, 0.82), (0, 0, 1.02))
    parts = [(MAIN, ball), (NATURAL, stem)]
    for side in range(rng.integers(1, 3)):
        leaf = trimesh.creation.icosphere(subdivisions=3)
        x = leaf.vertices[:, 0]
        leaf.vertices[:, 1] *= 1 - 0.75 * np.abs(x) ** 2
        leaf.apply_scale([0.36, 0.2, 0.03]).apply_translation((0.36, 0, 0))
        turned(leaf, rng.uniform(-18, 5), Y).apply_translation((0.02, 0, 0.98))
        parts.append((LEAF, turned(leaf, rng.uniform(0, 120) + 180 * side, Z)))
    tilt, yaw = rng.uniform(0, 45), rng.uniform(-120, 120)
    return [(p, turned(turned(m, tilt, X), yaw, Z)) for p, m in parts]


def mug(rng: np.random.Generator) -> list[Part]:
    """Hollow, its handle turned to the side."""
    r, h, wall = rng.uniform(0.4, 0.5), rng.uniform(0.85, 1.15), 0.055
    base = r * rng.uniform(0.82, 1.0)
    outer = [(0, 0), (base - 0.05, 0), (base, 0.04), (r, h - 0.02), (r - 0.02, h)]
    cup = lathe([*outer, (r - wall, h), (base - wall, 0.08), (0, 0.08)])
    reach, tall = rng.uniform(0.3, 0.38), rng.uniform(0.26, 0.34) * h
    t = np.linspace(-np.pi / 2, np.pi / 2, 28)
    start = (base + r) / 2 - wall
    path = np.stack([start + reach * np.cos(t) ** 0.8, 0.52 * h + tall * np.sin(t)], axis=1)
    path = np.concatenate([path[:1] - [0.03, 0], path, path[-1:] - [0.03, 0]])
    yaw = rng.choice([0, 180]) + rng.uniform(-48, 48)
    return [(MAIN, turned(m, yaw, Z)) for m in (cup, tube(path, rng.uniform(0.055, 0.075)))]


def bottle(rng: np.random.Generator) -> list[Part]:
    """Body, shoulder, neck and cap, half of them with a label."""
    r, body, neck = rng.uniform(0.24, 0.34), rng.uniform(0.8, 1.1), rng.uniform(0.08, 0.11)
    rise, tall = rng.uniform(0.18, 0.32), rng.uniform(0.25, 0.4)
    s = np.linspace(0, 1, 14)
    shoulder = np.stack([neck + (r - neck) * (1 + np.cos(np.pi * s)) / 2, body + rise * s], axis=1)
    top = body + rise + tall
    profile = [(0, 0), (r - 0.04, 0), (r, 0.05), *shoulder, (neck, top), (0, top)]
    cap = lathe([(0, top - 0.09), (neck + 0.03, top - 0.09), (neck + 0.03, top + 0.05), (0, top + 0.05)])
    parts = [(MAIN, lathe(profile)), (int(rng.choice([DARK, NATURAL])), cap)]
    if rng.random() < 0.5:
        low, high = body * rng.uniform(0.25, 0.35), body * rng.uniform(0.6, 0.7)
        parts.append((LIGHT, lathe([(r - 0.02, low), (r + 0.006, low), (r + 0.006, high), (r - 0.02, high)])))
    return parts


def armchair(rng: np.random.Generator) -> list[Part]:
    """Thick back and arms, a cushion, little legs."""
    w, d = rng.uniform(0.9, 1.1), rng.uniform(0.8, 0.95)
    leg, seat, arm, back = rng.uniform(0.08, 0.16), 0.24, rng.uniform(0.52, 0.62), rng.uniform(0.9, 1.1)
    t, b = rng.uniform(0.15, 0.2), 0.05
    rest = box((w - 0.04, 0.2, back - leg), (0, d / 2 - 0.04, (back + leg) / 2), 0.07)
    parts = [
        (MAIN, box((w - 2 * t + 0.04, d, seat), (0, 0, leg + seat / 2), b)),
        (DEEP, box((w - 2 * t, d - 0.12, 0.13), (0, -0.04, leg + seat + 0.05), b)),
        (MAIN, turned(rest, -8, X, (0, d / 2, leg))),
    ]
    for side in (-1, 1):
        parts.append((MAIN, box((t, d, arm - leg), (side * (w - t) / 2, -0.01, (arm + leg) / 2), 0.06)))
        for y in (-d / 2 + 0.08, d / 2 - 0.08):
            x = side * (w / 2 - 0.1)
            parts.append((NATURAL, rod(0.025, (x, y, 0), (x, y, leg + 0.02), 0.04)))
    yaw = rng.uniform(-62, 62)
    return [(p, turned(m, yaw, Z)) for p, m in parts]


def table(rng: np.random.Generator) -> list[Part]:
    """A round or square top on four legs."""
    h, t = rng.uniform(0.55, 0.8), rng.uniform(0.06, 0.1)
    legs = int(rng.choice([MAIN, DEEP, NATURAL]))
    if rng.random() < 0.35:
        w = d = 1.0
        top = lathe([(0, h - t), (0.55, h - t), (0.57, h - t / 2), (0.55, h), (0, h)], 64)
        x = y = 0.36
    else:
        w, d = rng.uniform(1.0, 1.3), rng.uniform(0.7, 0.85)
        top = box((w, d, t), (0, 0, h - t / 2), 0.015)
        x, y = w / 2 - 0.08, d / 2 - 0.08
    parts = [(MAIN, top), (legs, box((2 * x, 2 * y, 0.1), (0, 0, h - t - 0.05)))]
    thick, round_leg = rng.uniform(0.035, 0.055), rng.random() < 0.5
    for i in (-x, x):
        for j in (-y, y):
            if round_leg:
                leg = rod(0.7 * thick, (1.05 * i, 1.05 * j, 0), (i, j, h - t), thick)
            else:
                leg = box((2 * thick, 2 * thick, h - t), (i, j, (h - t) / 2))
            parts.append((legs, leg))
    yaw = rng.uniform(0, 360)
    return [(p, turned(m, yaw, Z)) for p, m in parts]


def lamp(rng: np.random.Generator) -> list[Part]:
    """An open shade over a thin stem or a turned body."""
    h, low, high = rng.uniform(1.0, 1.25), rng.uniform(0.34, 0.42), rng.uniform(0.16, 0.24)
    tall = rng.uniform(0.42, 0.52)
    under = h - tall
    shade = lathe([(low - 0.02, under), (low, under), (high, h), (high - 0.02, h), (low - 0.02, under)], 56)
    parts = [
        (MAIN, shade),
        (LIGHT, trimesh.creation.icosphere(radius=0.1).apply_translation((0, 0, under + 0.16))),
    ]
    metal = int(rng.choice([DARK, NATURAL]))
    parts.append((metal, rod(0.03, (0, 0, 0), (0, 0, h - 0.05))))
    if rng.random() < 0.5:
        foot = lathe([(0, 0), (0.25, 0), (0.25, 0.03), (0.06, 0.08), (0, 0.08)])
        return [*parts, (metal, foot)]
    s = np.linspace(0, np.pi, 16)
    body = np.stack([0.09 + 0.13 * np.sin(s) ** 1.2, 0.03 + (under - 0.06) * s / np.pi], axis=1)
    return [*parts, (MAIN, lathe([(0, 0), (0.16, 0), (0.16, 0.03), *body, (0, body[-1, 1])]))]


def cone(rng: np.random.Generator) -> list[Part]:
    """A traffic cone: square base, two bands."""
    h, r, tip, base = rng.uniform(1.0, 1.25), rng.uniform(0.3, 0.36), 0.06, 0.07
    w = 2 * r + rng.uniform(0.12, 0.2)
    parts = [(MAIN, turned(box((w, w, base), (0, 0, base / 2), 0.02), rng.uniform(0, 90), Z))]
    first, gap, band = rng.uniform(0.3, 0.38), rng.uniform(0.14, 0.18), rng.uniform(0.13, 0.16)
    cuts = [0, first, first + band, first + band + gap, first + 2 * band + gap, 1]
    for k, (a, b) in enumerate(pairwise(cuts)):
        ra, rb = (r + (tip - r) * c for c in (a, b))
        za, zb = (base + (h - base) * c for c in (a, b))
        rim = [(rb - 0.02, zb), (rb - 0.02, zb - 0.2)] if b == 1 else []
        parts.append((LIGHT if k % 2 else MAIN, lathe([(ra, za), (rb, zb), *rim])))
    return parts


def house(rng: np.random.Generator) -> list[Part]:
    """Gable roof, chimney, door and windows."""
    w, d, h = rng.uniform(0.85, 1.1), rng.uniform(0.65, 0.85), rng.uniform(0.48, 0.62)
    rise, over, thick = rng.uniform(0.3, 0.42), 0.07, 0.05
    gable = ((-w / 2, 0), (w / 2, 0), (-w / 2, h), (w / 2, h), (0, h + rise))
    parts = [(MAIN, hull([(x, y, z) for y in (-d / 2, d / 2) for x, z in gable]))]
    slope = rise / (w / 2)
    for side in (-1, 1):
        edge = [(0, h + rise), (side * (w / 2 + over), h - over * slope)]
        roof = [
            (x, y, z + dz)
            for x, z in edge
            for y in (-d / 2 - over, d / 2 + over)
            for dz in (0.005, thick * 1.4)
        ]
        parts.append((DEEP, hull(roof)))
    x = rng.choice([-1, 1]) * w * rng.uniform(0.2, 0.28)
    parts.append((NATURAL, box((0.12, 0.12, rise), (x, d * 0.18, h + rise * 0.72))))
    door = rng.uniform(-0.06, 0.06)
    parts.append((NATURAL, box((0.19, 0.03, 0.34), (door, -d / 2, 0.17))))
    pane, z = 0.17, h * 0.58
    spots = [(s * w * 0.32, -d / 2, 0) for s in (-1, 1)] + [(s * w * 0.25, d / 2, 0) for s in (-1, 1)]
    spots += [(s * w / 2, t * d * 0.22, 1) for s in (-1, 1) for t in (-1, 1)] + [(0, -d / 2, 2)]
    for px, py, kind in spots:
        size = (pane, 0.024, pane) if kind != 1 else (0.024, pane, pane)
        frame = tuple(s + 0.05 if s == pane else 0.014 for s in size)
        at = (px, py, z if kind != 2 else h + rise * 0.34)
        parts += [(LIGHT, box(frame, at)), (DARK, box(size, at))]
        bar = tuple(0.025 if s == pane and k != 2 else (s if s == pane else 0.03) for k, s in enumerate(size))
        parts.append((LIGHT, box(bar, at)))
    yaw = rng.uniform(-58, 58)
    return [(p, turned(m, yaw, Z)) for p, m in parts]


def car(rng: np.random.Generator) -> list[Part]:
    """Body, glass cabin, four wheels and lights."""
    w, low, belt = rng.uniform(0.54, 0.62), 0.12, rng.uniform(0.36, 0.4)
    roof, wheel = belt + rng.uniform(0.22, 0.28), rng.uniform(0.12, 0.14)
    front, rear = rng.uniform(-0.38, -0.3), rng.uniform(0.44, 0.58)
    nose, tail = low + 0.04, belt - 0.05
    body = [(-0.7, nose), (-0.66, belt - 0.07), (-0.3, belt), (0.62, belt)]
    body += [(0.69, tail), (0.7, nose), (0.64, low), (-0.64, low)]
    parts = [
        (MAIN, hull([(x, s * w / 2 * (0.93 if abs(x) > 0.65 else 1), z) for x, z in body for s in (-1, 1)]))
    ]
    cabin = [(front, belt, 0.47), (front + 0.24, roof, 0.4), (rear - 0.16, roof, 0.4), (rear, belt, 0.47)]
    parts.append((DARK, hull([(x, s * w * k, z) for x, z, k in cabin for s in (-1, 1)])))
    lid = [(front + 0.2, roof - 0.035, 0.412), (front + 0.26, roof + 0.025, 0.39)]
    lid += [(rear - 0.18, roof + 0.025, 0.39), (rear - 0.13, roof - 0.035, 0.412)]
    parts.append((MAIN, hull([(x, s * w * k, z) for x, z, k in lid for s in (-1, 1)])))
    middle = (front + rear) / 2 + 0.04
    for s in (-1, 1):
        for x, lean in ((front, 0.24), (middle, 0), (rear, -0.16)):
            parts.append((MAIN, rod(0.024, (x, s * w * 0.475, belt), (x + lean, s * w * 0.405, roof))))
        for x in (-0.42, 0.42):
            parts.append((DARK, rod(wheel, (x, s * (w / 2 - 0.1), wheel), (x, s * (w / 2 + 0.03), wheel))))
            parts.append((LIGHT, rod(0.55 * wheel, (x, s * w / 2, wheel), (x, s * (w / 2 + 0.04), wheel))))
        parts.append((LIGHT, box((0.06, 0.13, 0.08), (-0.67, s * w * 0.33, belt - 0.12), 0.01)))
        parts.append((NATURAL, box((0.04, 0.12, 0.07), (0.69, s * w * 0.33, belt - 0.11), 0.01)))
    yaw = rng.choice([0, 180]) + rng.uniform(-58, 58)
    return [(p, turned(m, yaw, Z)) for p, m in parts]


BUILDERS: dict[str, Callable[[np.random.Generator], list[Part]]] = {
    f.__name__: f for f in (lemon, orange, mug, bottle, armchair, table, lamp, cone, house, car)
}


def build(name: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangle corners [n,3,3], their smooth normals [n,3,3] and parts [n] of a random object of a class.

    It stands on z = 0 at the origin, one unit in its largest extent.
    """
    parts = BUILDERS[name](rng)
    corners = np.concatenate([m.triangles for _, m in parts])
    normals = np.concatenate([smooth_normals(m) for _, m in parts])
    part = np.concatenate([np.full(len(m.faces), p, np.uint8) for p, m in parts])
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    corners = (corners - [*(low + high)[:2] / 2, low[2]]) / (high - low).max()
    return corners, normals, part


def smooth_normals(mesh: trimesh.Trimesh, crease: float = 38.0) -> np.ndarray:
    """Normals at triangle corners [n,3,3], averaged over faces that meet at under ``crease`` degrees."""
    mesh.merge_vertices()
    flat = np.cross(*(np.diff(mesh.triangles, axis=1).transpose(1, 0, 2)))
    unit = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    face = np.repeat(np.arange(len(flat)), 3)
    at = sparse.csr_matrix((np.ones(len(face)), (np.arange(len(face)), mesh.faces.ravel())))
    pair = (at @ at.T).tocoo()
    near = (unit[face[pair.row]] * unit[face[pair.col]]).sum(axis=1) > np.cos(np.radians(crease))
    total = np.zeros((len(face), 3))
    np.add.at(total, pair.row[near], flat[face[pair.col[near]]])
    total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    return total.reshape(-1, 3, 3)
