"""Trains the still life's classifier of classes and colours on renders.

``python -m studio.classifier --minutes 8``; run again, it goes on from the weights in ``--out``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from studio import scenes
from studio.pool import Pool, pictures_of, to_input
from studio.scenes import Scenes
from studio.training import LOGS, course, device, options, train
from studio.world import CLASSES, COLOURS
from underpainting import stilllife
from underpainting.observers.classifiers.small_vgg import SmallClassifier, SmallVGG, save_classifier

BATCH, FRESH = 32, 4
SMOOTHING = 0.05  # of the labels


def moved(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Pictures each mirrored, turned (25 degrees), scaled (0.8 to 1.25) and shifted (a tenth) at random."""
    u = torch.rand(5, len(pictures), generator=rng, device=rng.device) * 2 - 1
    turn, scale = u[0] * torch.pi * 25 / 180, 1.25 ** u[1]
    flip = u[2].sign()
    across = torch.stack([flip * scale * turn.cos(), -flip * scale * turn.sin(), u[3] * 0.2], dim=1)
    down = torch.stack([scale * turn.sin(), scale * turn.cos(), u[4] * 0.2], dim=1)
    grid = affine_grid(torch.stack([across, down], dim=1), list(pictures.shape), align_corners=False)
    return grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def load(folder: Path) -> SmallVGG:
    """The network saved in ``folder``, or a new one."""
    if not (folder / "config.json").exists():
        return SmallVGG(len(CLASSES), len(COLOURS))
    return SmallClassifier.from_pretrained(folder).network.requires_grad_(True).train()


class Objective:
    """The loss on pictures, moved at random, of a pool (`pictures_of`) of ``known`` scenes."""

    def __init__(self, network: nn.Module, known: Scenes, pool: Pool, batch: int, fresh: int) -> None:
        """``fresh`` entries are coloured anew before each batch."""
        self.network, self.known, self.pool, self.batch, self.fresh = network, known, pool, batch, fresh

    def __call__(self, rng: torch.Generator) -> Tensor:
        """Cross-entropy of the class and of the colour."""
        self.pool.refresh(self.fresh)
        i = self.pool.draw(self.batch, rng)
        x = (to_input(self.pool.columns["picture"][i]) + 1) / 2
        classes, colours = self.network(moved(x, rng))
        names, tones = self.known.name[i % len(self.known)], self.pool.columns["colour"][i]
        return cross_entropy(classes.float(), names, label_smoothing=SMOOTHING) + cross_entropy(
            colours.float(), tones, label_smoothing=SMOOTHING
        )


def save(network: SmallVGG, folder: Path) -> None:
    """Saves the network and the names it tells apart."""
    save_classifier(network, list(CLASSES), list(COLOURS), folder)


def main() -> None:
    """Trains on whole pictures; prints the accuracy on held-out renders."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options(cli, minutes=8, rate=3e-3)
    cli.add_argument("--out", type=Path, default=stilllife.folder() / "classifier")
    args = cli.parse_args()
    torch.manual_seed(0)
    network = load(args.out).to(device())
    known = scenes.load(held_out=False, packed=args.packed, limit=args.scenes).to(device())
    test = scenes.load(held_out=True, packed=args.packed).to(device())
    shown = Pool(len(test), pictures_of(test), np.random.default_rng(0)).columns

    def keep(average: nn.Module) -> None:
        assert isinstance(average, SmallVGG)
        save(average, args.out)
        average.eval()
        with torch.no_grad():
            classes, colours = average((to_input(shown["picture"]) + 1) / 2)
        right = ((classes.argmax(1) == test.name).float(), (colours.argmax(1) == shown["colour"]).float())
        print(f"held-out accuracy: class {right[0].mean():.3f}, colour {right[1].mean():.3f}", flush=True)

    pool = Pool(len(known), pictures_of(known), np.random.default_rng())
    train(
        network,
        Objective(network, known, pool, BATCH, FRESH),
        keep,
        folder=LOGS / "classifier",
        batch=BATCH,
        course=course(args),
    )


if __name__ == "__main__":
    main()
