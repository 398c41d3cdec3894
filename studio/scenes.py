"""The rendered scenes in a compact form, nine kilobytes each, and from it what trainings colour anew.

``python -m studio.scenes`` packs the blocks that `studio.render` wrote, a thousand scenes a file. Ids are
kept exactly; surface coordinates as one projective map for the floor and each wall; shading in 160 levels of
its square root and inverse depth in 255, each over the scene's own range.
"""

from __future__ import annotations

import argparse
import io
import lzma
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from studio.kept import HELD_OUT_EVERY, folder
from studio.world import COMPANION, OBJECT

PACKED = 1000  # scenes a file
SHADES, DEPTHS = 160, 255  # levels
SAMPLE = 4000  # pixels that a plane is fitted to
NUMBERS = ("class", "roll", "light", "index")
Array = np.ndarray


@dataclass(frozen=True)
class Scenes:
    """Rendered scenes, not yet coloured.

    ids uint8 [scene,256,256]; planes float32 [scene,3,8] (see `studio.colour.coordinates`); shading and near
    (inverse depth) float16 [scene,128,128]; name int64 [scene], an index into CLASSES; roll float32 [scene]
    in degrees; light float32 [scene,3], the main light's place; index int64 [scene], the render's number.
    """

    ids: Tensor
    planes: Tensor
    shading: Tensor
    near: Tensor
    name: Tensor
    roll: Tensor
    light: Tensor
    index: Tensor

    def __len__(self) -> int:
        """Number of scenes."""
        return len(self.ids)

    def __getitem__(self, some: Tensor | slice) -> Scenes:
        """Some of the scenes."""
        return Scenes(**{key: column[some] for key, column in vars(self).items()})

    def to(self, where: torch.device) -> Scenes:
        """The scenes on a device."""
        return Scenes(**{key: column.to(where) for key, column in vars(self).items()})

    def masks(self) -> Tensor:
        """The object's coverage [scene,128,128] in 0..1."""
        inside = ((self.ids > OBJECT) & (self.ids <= COMPANION)).float()
        return torch.nn.functional.avg_pool2d(inside, 2)


def compact() -> Path:
    """Where packed scenes are kept unless told otherwise."""
    return folder() / "compact"


def pack(render: Mapping[str, Array]) -> dict[str, Array]:
    """The compact arrays of several scenes in the form of `studio.render.load`."""
    near = 1 / render["depth"].astype(np.float32)
    low, high = near.min((1, 2)), near.max((1, 2))
    shading = render["shading"].astype(np.float32)
    most = shading.max((1, 2))
    shades = np.sqrt(shading / most[:, None, None]) * SHADES
    depths = (near - low[:, None, None]) / (high - low)[:, None, None] * DEPTHS
    files = [_picture(levels) for plane in (shades, depths) for levels in plane]
    return {
        "ids": np.frombuffer(lzma.compress(render["ids"].tobytes()), np.uint8),
        "planes": np.stack([_planes(i, c) for i, c in zip(render["ids"], render["coords"], strict=True)]),
        "pictures": np.frombuffer(b"".join(files), np.uint8),
        "sizes": np.array([len(file) for file in files]),
        "ranges": np.stack([most, low, high], axis=1),
        **{key: render[key] for key in NUMBERS},
    }


def unpack(packed: Mapping[str, Array]) -> Scenes:
    """The scenes that were packed."""
    count = len(packed["index"])
    ends, data = np.cumsum(packed["sizes"]), packed["pictures"].tobytes()
    levels = np.stack(
        [_levels(data[end - size : end]) for size, end in zip(packed["sizes"], ends, strict=True)]
    ).astype(np.float32)
    most, low, high = (column[:, None, None] for column in packed["ranges"].T)
    ids = np.frombuffer(lzma.decompress(packed["ids"].tobytes()), np.uint8)
    side = int((ids.size // count) ** 0.5)
    arrays = {
        "ids": ids.reshape(count, side, side).copy(),
        "planes": packed["planes"],
        "shading": ((levels[:count] / SHADES) ** 2 * most).astype(np.float16),
        "near": (low + levels[count:] / DEPTHS * (high - low)).astype(np.float16),
        "name": packed["class"].astype(np.int64),
        "roll": packed["roll"],
        "light": packed["light"],
        "index": packed["index"].astype(np.int64),
    }
    return Scenes(**{key: torch.from_numpy(array) for key, array in arrays.items()})


def load(held_out: bool, packed: Path | None = None, limit: int | None = None) -> Scenes:
    """The packed scenes that are held out (every tenth), or the others, of the first ``limit`` renders."""
    files = sorted((packed or compact()).glob("still-*.npz"))
    if not files:
        raise SystemExit(
            f"no scenes in {packed or compact()}: run python -m studio.render, then studio.scenes"
        )
    blocks = []
    for path in files:
        with np.load(path) as stored:
            if limit is None or stored["index"].min() < limit:
                blocks.append(unpack(stored))
    every = {key: torch.cat([vars(block)[key] for block in blocks]) for key in vars(blocks[0])}
    wanted = (every["index"] % HELD_OUT_EVERY == HELD_OUT_EVERY - 1) == held_out
    if limit is not None:
        wanted &= every["index"] < limit
    return Scenes(**{key: column[wanted] for key, column in every.items()})


def pack_all(renders: Path, out: Path) -> Iterator[Path]:
    """Packs the scenes of a folder, a file at a time, but for those that were packed."""
    out.mkdir(parents=True, exist_ok=True)
    blocks = sorted(renders.glob("scenes-*.npz"))
    while blocks:
        path = out / f"still-{int(blocks[0].stem.rsplit('-', 1)[1]):06d}.npz"
        some: list[dict[str, Array]] = []
        while blocks and sum(len(block["ids"]) for block in some) < PACKED:
            with np.load(blocks.pop(0)) as stored:
                some.append({key: stored[key] for key in (*NUMBERS, "ids", "coords", "depth", "shading")})
        if not path.exists():
            part = path.with_suffix(".part")
            with part.open("wb") as file:
                np.savez(file, **pack({key: np.concatenate([b[key] for b in some]) for key in some[0]}))
            part.replace(path)
        yield path


def _planes(ids: Array, coords: Array) -> Array:
    """The projective maps [3,8] of a scene's floor and walls, 0 where one is not seen."""
    return np.stack([_plane(np.flatnonzero(ids == part), ids.shape[0], coords) for part in range(OBJECT + 1)])


def _plane(seen: Array, size: int, coords: Array) -> Array:
    """The projective map [8] from pixels ``seen`` [n] to their coordinates, by weighted least squares."""
    if len(seen) < 8:
        return np.zeros(8, np.float32)
    seen = np.random.default_rng(0).permutation(seen)[:SAMPLE]
    y, x = (np.stack(np.divmod(seen, size)) + 0.5) / size * 2 - 1
    one, none = np.ones_like(x), np.zeros_like(x)
    u, v = coords.reshape(-1, 2)[seen].astype(float).T
    across = np.stack([x, y, one, none, none, none, -u * x, -u * y], axis=1)
    down = np.stack([none, none, none, x, y, one, -v * x, -v * y], axis=1)
    system, wanted, weight = np.concatenate([across, down]), np.concatenate([u, v]), np.ones(2 * len(u))
    for _ in range(3):  # an error counts as it does after the division
        solution = np.linalg.lstsq(system * weight[:, None], wanted * weight, rcond=None)[0]
        below = 1 + solution[6] * x + solution[7] * y
        weight = np.tile(1 / np.maximum(below, 0.01 * np.abs(below).max()), 2)
    return solution.astype(np.float32)


def _picture(levels: Array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.rint(levels).astype(np.uint8)).convert("RGB").save(
        file, "WEBP", lossless=True, method=4, quality=75
    )
    return file.getvalue()


def _levels(file: bytes) -> Array:
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))[..., 0]


def main() -> None:
    """Packs every block of scenes that is there."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--renders", type=Path, default=folder())
    cli.add_argument("--out", type=Path, help="a folder compact beside the renders unless given")
    args = cli.parse_args()
    for path in pack_all(args.renders, args.out or args.renders / "compact"):
        print(f"{path.name}, {path.stat().st_size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
