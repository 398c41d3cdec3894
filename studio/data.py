"""The pictures everything is trained on: each rendered scene coloured several times, kept beside the renders.

``python -m studio.data --variants 4`` colours the blocks of scenes that are there; run it again for new ones.
Every tenth scene is held out: it is never trained on, only measured.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from studio.compose import compose, pick
from studio.kept import HELD_OUT_EVERY, folder
from studio.world import CLASSES, COLOURS


@dataclass(frozen=True)
class Pictures:
    """Coloured scenes as arrays; a scene's variants share its mask, depth and shading.

    picture uint8 [picture,128,128,3]; scene int [picture] points into mask float16 [scene,128,128] (share),
    depth float16 (z, near is small) and shading float16 [scene,128,128]; name and colour int [picture] are
    indices into CLASSES and COLOURS; prompt is a list.
    """

    picture: np.ndarray
    scene: np.ndarray
    mask: np.ndarray
    depth: np.ndarray
    shading: np.ndarray
    name: np.ndarray
    colour: np.ndarray
    prompt: list[str]

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.picture)


def colour_block(scenes: Path, variants: int, seed: int) -> Path:
    """Colours one block of scenes unless that was done; returns the file."""
    out = scenes.with_name(scenes.name.replace("scenes-", f"pictures{variants}-"))
    if out.exists():
        return out
    with np.load(scenes) as stored:
        block = {k: stored[k] for k in stored.files}
    first = int(scenes.stem.rsplit("-", 1)[1])
    coloured = [
        compose(pick(block, i), np.random.default_rng((seed, first + i, v)))
        for i in range(len(block["ids"]))
        for v in range(variants)
    ]
    once = coloured[::variants]
    temporary = out.with_suffix(".tmp.npz")
    np.savez(
        temporary,
        picture=np.stack([s.picture for s in coloured]),
        mask=np.stack([s.mask for s in once]).astype(np.float16),
        depth=np.stack([s.depth for s in once]).astype(np.float16),
        shading=np.stack([s.shading for s in once]).astype(np.float16),
        name=np.array([CLASSES.index(s.name) for s in coloured]),
        colour=np.array([COLOURS.index(s.colour) for s in coloured]),
        prompt=np.array(json.dumps([s.prompt for s in coloured])),
    )
    os.replace(temporary, out)
    return out


def load_pictures(held_out: bool, variants: int = 4, renders: Path | None = None) -> Pictures:
    """All coloured scenes of one side of the split (``held_out``: every tenth scene), in order."""
    files = sorted((renders or folder()).glob(f"pictures{variants}-*-*[0-9].npz"))
    if not files:
        raise SystemExit(
            f"no pictures in {renders or folder()}: run python -m studio.render, then studio.data"
        )
    parts: dict[str, list[np.ndarray]] = {
        k: [] for k in ("picture", "mask", "depth", "shading", "name", "colour")
    }
    prompts: list[str] = []
    for path in files:
        first = int(path.stem.rsplit("-", 1)[1])
        with np.load(path) as stored:
            count = len(stored["mask"])
            chosen = ((first + np.arange(count)) % HELD_OUT_EVERY == HELD_OUT_EVERY - 1) == held_out
            every = np.repeat(chosen, variants)
            for k, kept in parts.items():
                kept.append(stored[k][every if k in ("picture", "name", "colour") else chosen])
            prompts += [p for p, keep in zip(json.loads(str(stored["prompt"])), every, strict=True) if keep]
    arrays = {k: np.concatenate(v) for k, v in parts.items()}
    scene = np.repeat(np.arange(len(arrays["mask"])), variants)
    return Pictures(scene=scene, prompt=prompts, **arrays)


def main() -> None:
    """Colours every block of scenes that is there."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--renders", type=Path, default=folder())
    cli.add_argument("--variants", type=int, default=4)
    cli.add_argument("--seed", type=int, default=0)
    cli.add_argument("--workers", type=int, default=2)
    args = cli.parse_args()
    colour = partial(colour_block, variants=args.variants, seed=args.seed)
    with multiprocessing.get_context("spawn").Pool(args.workers) as pool:
        for done in pool.imap(colour, sorted(args.renders.glob("scenes-*.npz"))):
            print(done.name, flush=True)


if __name__ == "__main__":
    main()
