"""Renders the still life: ids, surface coordinates, depth and shading of numbered scenes, in blocks of 50.

``python -m studio.render --scenes 4000 --seed 0 --out FOLDER --workers 2`` may be stopped and started at any
time; ``--position`` prints how well position alone predicts depth and shading, instead.
"""

from __future__ import annotations

import argparse
import ctypes.util
import glob
import multiprocessing
import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.ndimage import maximum_filter, uniform_filter

from studio import shapes
from studio.companion import companion
from studio.kept import folder
from studio.world import CLASSES, COMPANION, OBJECT, SIZE, Stage, stage

BLOCK = 50
FINE = 2 * SIZE
FAR = 60.0
SPP = 16
RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]])


def _llvm() -> str:
    """The newest LLVM library in the usual places."""
    for version in range(21, 14, -1):
        places = (
            f"/usr/lib/*/libLLVM*{version}*",
            f"/usr/lib/llvm-{version}/lib/libLLVM*.so*",
            f"/opt/homebrew/opt/llvm@{version}/lib/libLLVM.dylib",
        )
        found = [path for place in places for path in sorted(glob.glob(place))]
        if found or (named := ctypes.util.find_library(f"LLVM-{version}")):
            return found[0] if found else named
    raise SystemExit("rendering needs LLVM 15 or newer: install libllvm19 or set DRJIT_LIBLLVM_PATH")


@cache
def mitsuba(threads: int = 1):
    """Mitsuba, ready to trace grey light with an LLVM that works (14 does not on some processors)."""
    if "DRJIT_LIBLLVM_PATH" not in os.environ:
        os.environ["DRJIT_LIBLLVM_PATH"] = _llvm()
    import drjit
    import mitsuba as mi

    drjit.set_thread_count(threads)
    mi.set_variant("llvm_ad_mono")
    return mi


@dataclass(frozen=True)
class Setup:
    """A staged scene: triangle corners and normals [n,3,3], each triangle's id [n], and the stage."""

    kind: int
    corners: np.ndarray
    normals: np.ndarray
    ids: np.ndarray
    stage: Stage


def setup(seed: int, index: int) -> Setup:
    """Scene ``index``: the same for the same seed, whatever else is rendered."""
    rng = np.random.default_rng((seed, index))
    kind = int(rng.integers(len(CLASSES)))
    corners, normals, part = shapes.build(CLASSES[kind], rng)
    points = np.unique(corners.reshape(-1, 3), axis=0)
    staged = stage(CLASSES[kind], points, rng)
    room, facing = _room(staged.walls)
    meshes = [(room, facing, np.repeat([0, 1, 2], 2)), (corners, normals, OBJECT + part)]
    beside = companion(kind, points, staged, np.random.default_rng((seed, index, 2)))
    if beside:
        meshes.append((*beside[:2], COMPANION + beside[2]))
    corners, normals, ids = (np.concatenate(of) for of in zip(*meshes, strict=True))
    return Setup(kind, corners, normals, ids.astype(np.uint8), staged)


def _room(walls: np.ndarray, reach: float = 150.0) -> tuple[np.ndarray, np.ndarray]:
    """Floor and two walls: corners and normals [6,3,3]."""
    axes = [np.array([x, y, 0.0]) for x, y, _ in walls]
    up = np.array([0, 0, 1.0])
    corner = sum(axis * gap for axis, gap in zip(axes, walls[:, 2], strict=True))
    quads = [
        (np.array([-reach, -reach, 0]), np.array([2 * reach, 0, 0]), np.array([0, 2 * reach, 0]), up),
        (corner, -reach * axes[1], reach * up, -axes[0]),
        (corner, -reach * axes[0], reach * up, -axes[1]),
    ]
    corners = [[o, o + a, o + a + b, o, o + a + b, o + b] for o, a, b, _ in quads]
    return np.reshape(corners, (6, 3, 3)), np.repeat([n for *_, n in quads], 6, axis=0).reshape(6, 3, 3)


def _even(value: float) -> dict:
    return {"type": "uniform", "value": float(value)}


def _mesh(scene: Setup):
    mi = mitsuba()
    props = mi.Properties()
    grey = {"type": "diffuse", "reflectance": _even(0.5)}
    props["bsdf"] = mi.load_dict({"type": "twosided", "inner": grey})
    count = len(scene.ids)
    mesh = mi.Mesh("scene", 3 * count, count, has_vertex_normals=True, props=props)
    values = mi.traverse(mesh)
    values["vertex_positions"] = scene.corners.astype(np.float32).ravel()
    values["vertex_normals"] = scene.normals.astype(np.float32).ravel()
    values["faces"] = np.arange(3 * count, dtype=np.uint32)
    values.update()
    return mesh


def geometry(scene: Setup, mesh, size: int = FINE) -> dict[str, np.ndarray]:
    """What pixel centres of a ``size``-wide picture see: ids, surface coordinates, normals and depth z."""
    mi = mitsuba()
    import drjit

    view, eye = scene.stage.axes, scene.stage.eye
    at = ((np.arange(size) + 0.5) / size * 2 - 1) * np.tan(np.radians(scene.stage.fov) / 2)
    x, y = np.meshgrid(at, -at)
    rays = np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3) @ view
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    target = mi.load_dict({"type": "scene", "mesh": mesh})
    columns = mi.Vector3f(*rays.T.astype(np.float32))
    hit = target.ray_intersect(mi.Ray3f(mi.Point3f(eye.tolist()), columns))
    drjit.eval(hit.t, hit.prim_index, hit.sh_frame.n)
    reach = np.array(hit.t)
    seen = np.isfinite(reach)
    reach = np.where(seen, reach, 1e3)
    point = eye + rays * reach[:, None]
    ids = np.where(seen, scene.ids[np.where(seen, np.array(hit.prim_index), 0)], 0).astype(np.uint8)
    coords = point[:, :2].copy()
    for k, (a, b, gap) in enumerate(scene.stage.walls[::-1]):  # along a wall: how far from the other one
        here = point[ids == 1 + k]
        coords[ids == 1 + k] = np.stack([gap - here @ [a, b, 0.0], here[:, 2]], axis=1)
    a, b = scene.stage.walls[0, :2]
    coords[ids == 0] = coords[ids == 0] @ np.array([[a, -b], [b, a]])
    coords[ids > OBJECT] = 0
    shape = (size, size)
    return {
        "ids": ids.reshape(shape),
        "coords": np.clip(coords, -FAR, FAR).reshape(*shape, 2),
        "normals": np.array(hit.sh_frame.n).T.reshape(*shape, 3),
        "depth": np.clip((point - eye) @ view[2], 0, FAR).reshape(shape),
    }


def light(scene: Setup, mesh, seed: int, spp: int) -> tuple[np.ndarray, np.ndarray]:
    """Path-traced shading (radiance of a white surface) [128,128], as two estimates.

    They come from the two diagonals of each pixel's four quarters, so their difference is noise.
    """
    mi = mitsuba()
    staged = scene.stage
    content = {
        "type": "scene",
        "mesh": mesh,
        "ambient": {"type": "constant", "radiance": _even(staged.ambient), "sampling_weight": 0.6},
        "sensor": {
            "type": "perspective",
            "fov": float(staged.fov),
            "to_world": mi.ScalarTransform4f().look_at(
                staged.eye, staged.eye + staged.axes[2], staged.axes[1]
            ),
            "film": {
                "type": "hdrfilm",
                "width": FINE,
                "height": FINE,
                "rfilter": {"type": "box"},
                "pixel_format": "luminance",
            },
            "sampler": {"type": "multijitter"},
        },
    }
    for k, (x, y, z, radius, radiance) in enumerate(staged.lights):
        weight = 1.0 if radiance else 1e-3
        emitter = {"type": "area", "radiance": _even(radiance), "sampling_weight": weight}
        content[f"light{k}"] = {"type": "sphere", "center": [x, y, z], "radius": radius, "emitter": emitter}
    loaded = mi.load_dict(content)
    integrator = mi.load_dict({"type": "path", "max_depth": 4, "rr_depth": 8})
    fine = np.array(
        mi.render(loaded, integrator=integrator, spp=max(1, spp // 4), seed=seed), dtype=np.float32
    )
    fine = fine.reshape(FINE, FINE) / 0.5
    return (fine[::2, ::2] + fine[1::2, 1::2]) / 2, (fine[1::2, ::2] + fine[::2, 1::2]) / 2


def smooth(
    halves: tuple[np.ndarray, np.ndarray], guides: dict[str, np.ndarray], levels: int = 3
) -> np.ndarray:
    """An edge-avoiding a-trous filter: neighbours count on the same plane, in the same light up to noise."""
    a, b = (np.minimum(h, maximum_filter(h, footprint=RING)) for h in halves)  # no lone bright pixels
    picture = (a + b) / 2
    noise = uniform_filter((a - b) ** 2 / 4, 5)
    normal, depth = guides["normals"], guides["depth"]
    normal = normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    slope = np.hypot(*np.gradient(depth)) + 0.002 * depth
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    for level in range(levels):
        step = 2**level
        pad = 2 * step
        stack = {"p": picture, "v": noise, "n": normal, "d": depth, "i": guides["part"]}
        padded = {k: np.pad(v, [(pad, pad)] * 2 + [(0, 0)] * (v.ndim - 2), "edge") for k, v in stack.items()}
        total, weights, spread = np.zeros_like(picture), np.zeros_like(picture), np.zeros_like(picture)
        for i in range(-2, 3):
            for j in range(-2, 3):
                top, left = pad + i * step, pad + j * step
                other = {k: v[top : top + SIZE, left : left + SIZE] for k, v in padded.items()}
                cost = np.abs(other["p"] - picture) / (3.0 * np.sqrt(noise) + 0.01)
                cost += 2 * np.abs(other["i"] - guides["part"])
                cost += np.abs(other["d"] - depth) / (slope * step * (abs(i) + abs(j)) + 1e-4)
                facing = np.clip((other["n"] * normal).sum(-1), 0, 1) ** 48
                w = kernel[i + 2] * kernel[j + 2] * np.exp(-cost) * facing + 1e-9
                total, weights, spread = total + w * other["p"], weights + w, spread + w * w * other["v"]
        picture, noise = total / weights, spread / weights**2
    return picture


def _halved(fine: np.ndarray) -> np.ndarray:
    return fine.reshape(SIZE, 2, SIZE, 2, *fine.shape[2:]).mean(axis=(1, 3))


def render(seed: int, index: int, spp: int = SPP) -> dict[str, np.ndarray]:
    """One scene's arrays, as they are stored."""
    scene = setup(seed, index)
    mesh = _mesh(scene)
    fine = geometry(scene, mesh)
    coarse = {k: _halved(fine[k]) for k in ("normals", "depth")}
    thing = np.where(fine["ids"] > COMPANION, OBJECT + 2, np.minimum(fine["ids"], OBJECT + 1))
    coarse["part"] = _halved(thing.astype(np.float32))
    shade = smooth(light(scene, mesh, 2 * index + 1, spp), coarse)
    rng = np.random.default_rng((seed, index, 1))
    scale = min(rng.uniform(0.45, 0.6) / shade.mean(), 1.35 / np.quantile(shade, 0.99))
    return {
        "ids": fine["ids"],
        "coords": fine["coords"].astype(np.float16),
        "depth": coarse["depth"].astype(np.float16),
        "shading": (shade * scale).astype(np.float16),
        "class": np.uint8(scene.kind),
        "pitch": np.float32(scene.stage.pitch),
        "roll": np.float32(scene.stage.roll),
        "fov": np.float32(scene.stage.fov),
        "light": scene.stage.lights[0, :3].astype(np.float32),
        "index": np.int32(index),
    }


def block(job: tuple[Path, int, int, int]) -> tuple[int, float]:
    """Renders ``count`` scenes from ``first`` on into one file; returns their number and the seconds."""
    path, seed, first, count = job
    began = time.monotonic()
    scenes = [render(seed, i) for i in range(first, first + count)]
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez(file, **{k: np.stack([s[k] for s in scenes]) for k in scenes[0]})
    part.replace(path)
    return count, time.monotonic() - began


def load(out: Path | None = None, limit: int | None = None) -> dict[str, np.ndarray]:
    """Every stored array, blocks in order, from the first ``limit`` scenes."""
    out = out or folder()
    files = sorted(out.glob("scenes-*.npz"))[: None if limit is None else -(-limit // BLOCK)]
    if not files:
        raise FileNotFoundError(f"no renders in {out}: run python -m studio.render first")
    blocks = []
    for path in files:
        with np.load(path) as stored:
            blocks.append({k: stored[k] for k in stored.files})
    return {k: np.concatenate([b[k] for b in blocks])[:limit] for k in blocks[0]}


def render_all(out: Path, scenes: int, seed: int, workers: int) -> None:
    """Renders the blocks that are not there yet."""
    out.mkdir(parents=True, exist_ok=True)
    starts = range(0, scenes, BLOCK)
    jobs = [
        (out / f"scenes-{seed}-{first:06d}.npz", seed, first, min(BLOCK, scenes - first)) for first in starts
    ]
    todo = [job for job in jobs if not job[0].exists()]
    print(f"{len(jobs) - len(todo)} of {len(jobs)} blocks are there, {len(todo)} to render", flush=True)
    began, done, total = time.monotonic(), 0, sum(job[3] for job in todo)
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for count, _ in pool.imap_unordered(block, todo):
            done += count
            each = (time.monotonic() - began) / done
            print(
                f"{done}/{total} scenes, {each:.2f} s each, {each * (total - done) / 60:.0f} min left",
                flush=True,
            )


def main() -> None:
    """The command line."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--scenes", type=int, default=4000)
    cli.add_argument("--seed", type=int, default=0)
    cli.add_argument("--out", type=Path, default=folder())
    cli.add_argument("--workers", type=int, default=2)
    cli.add_argument("--position", action="store_true", help="print what position alone predicts")
    args = cli.parse_args()
    if args.position:
        position(args.out)
    else:
        render_all(args.out, args.scenes, args.seed, args.workers)


def position(out: Path, fit: int = 400, test: int = 200) -> dict[str, float]:
    """Mean Spearman correlation of test scenes with the mean fitted one, for inverse depth and shading.

    Once plainly, and once with the mirrored scenes in the mean.
    """
    from scipy.stats import spearmanr

    stored, found = load(out, fit + test), {}
    if len(stored["depth"]) < fit + test:
        raise SystemExit(f"{fit + test} scenes are needed, {out} has {len(stored['depth'])}")
    inverse, shading = 1 / stored["depth"].astype(np.float32), stored["shading"].astype(np.float32)
    for name, maps in (("inverse depth", inverse), ("shading", shading)):
        small = maps.reshape(-1, SIZE // 4, 4, SIZE // 4, 4).mean(axis=(2, 4))
        plain = small[:fit].mean(axis=0)
        for kind, mean in (("", plain), (", mirrored too", (plain + plain[:, ::-1]) / 2)):
            found[name + kind] = float(np.mean([spearmanr(mean.ravel(), m.ravel())[0] for m in small[fit:]]))
    beside = (load(out)["ids"] > COMPANION).any(axis=(1, 2))
    print(f"a second object is in {beside.mean():.2f} of {len(beside)} scenes")
    for name, value in found.items():
        print(f"position alone predicts {name}: mean Spearman {value:.3f} over {test} scenes")
    return found


if __name__ == "__main__":
    main()
