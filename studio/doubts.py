"""Why are objects of another size than the renders', and is a picture copied? ``python -m studio.doubts``.

Makes 1,400 pictures of the bundled pipeline, keeps them in ``--work``, a few at a time, and goes on where it was
stopped.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from studio import evaluate
from studio.prompts import Row, draw
from underpainting import load
from underpainting.diffusion import Model

PIECE = 20  # pictures a file
WORK = Path("build") / "doubts"
Array = np.ndarray


@dataclass(frozen=True)
class Asked:
    """Pictures to make: prompts in turn, or so many seeds of one, at one guidance and number of steps."""

    rows: list[Row]
    guidance: float = 3.0
    steps: int = evaluate.STEPS


def asked(pictures: int) -> dict[str, Asked]:
    """All that is made; seeds of the one prompt are the same at every setting."""
    seeds = [(evaluate.VARIED[0], evaluate.SEED + i, *evaluate.VARIED[1:]) for i in range(pictures * 4 // 25)]
    half = len(seeds) // 2
    return {
        "one prompt": Asked(seeds),
        "guidance 1": Asked(seeds[:half], guidance=1.0),
        "guidance 7.5": Asked(seeds[:half], guidance=7.5),
        "50 steps": Asked(seeds[: half * 3 // 4], steps=50),
        "prompts": Asked(draw(pictures, evaluate.SEED)),
    }


def pieces(model: Model, wanted: Asked, folder: Path) -> Iterator[Tensor]:
    """Pictures [picture,3,128,128] in 0..1, PIECE at a time, made unless they are in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(wanted.rows), PIECE):
        path, part = folder / f"{start:04d}.npy", folder / "part.npy"
        if not path.exists():
            some = wanted.rows[start : start + PIECE]
            made = evaluate.generate(
                model, [row[0] for row in some], [row[1] for row in some], wanted.guidance, wanted.steps
            )
            np.save(part, (made * 255).round().byte().permute(0, 2, 3, 1).numpy())
            part.replace(path)
        yield torch.from_numpy(np.load(path)).permute(0, 3, 1, 2) / 255


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--pictures", type=int, default=1000)
    cli.add_argument("--work", type=Path, default=WORK)
    args = cli.parse_args()
    model = load("stilllife")
    for name, wanted in asked(args.pictures).items():
        done = 0
        for piece in pieces(model, wanted, args.work / name.replace(" ", "-")):
            done += len(piece)
            print(name, done, flush=True)


if __name__ == "__main__":
    main()
