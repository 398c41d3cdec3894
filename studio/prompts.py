"""Writes the bundled list of prompts and seeds that the demo runs on: ``python -m studio.prompts``."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from studio.world import CLASSES, FLOORS, HELD_OUT, WALLS, colours_of, prompt
from underpainting import stilllife

Row = tuple[str, int, str, str]


def draw(count: int, seed: int, held_out: bool = False) -> list[Row]:
    """Random (prompt, seed, class, colour), classes in turn, of pairs in training or of pairs held out."""
    rng = np.random.default_rng(seed)
    colours = {
        name: [c for c in colours_of(name, held_out=True) if ((c, name) in HELD_OUT) == held_out]
        for name in CLASSES
    }
    names = [name for name in CLASSES if colours[name]]
    rows = []
    for i in range(count):
        name = names[i % len(names)]
        colour = str(rng.choice(colours[name]))
        text = prompt(name, colour, str(rng.choice(FLOORS)), str(rng.choice(WALLS)), rng)
        rows.append((text, int(rng.integers(2**31)), name, colour))
    return rows


def main() -> None:
    """Writes the list."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--count", type=int, default=240)
    cli.add_argument("--seed", type=int, default=1)
    cli.add_argument("--held-out", action="store_true", help="pairs of class and colour kept from training")
    cli.add_argument("--out", type=Path, default=stilllife.folder() / "prompts.csv")
    args = cli.parse_args()
    with args.out.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["prompt", "seed"])
        table.writerows(row[:2] for row in draw(args.count, args.seed, args.held_out))


if __name__ == "__main__":
    main()
