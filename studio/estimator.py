"""Trains the still life's estimator of saliency, depth and shading on renders.

``python -m studio.estimator --minutes 10``; run again, it goes on from the weights in ``--out``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from studio import scenes
from studio.pool import Pool, coloured, pictures_of, to_input
from studio.scenes import Scenes
from studio.training import LOGS, course, device, options, train
from underpainting import stilllife
from underpainting.observers.estimators.small_unet import SmallEstimator, SmallUNet, save_estimator

CHANNELS, BATCH, FRESH = (16, 32, 64, 128), 16, 2
FLAT = 0.02  # least spread of inverse depth within a scene, per scene unit


def targets(known: Scenes) -> Tensor:
    """Raw maps [scene, 3, 128, 128] that the network is to give (see `SmallUNet`).

    Inverse depth is standardised within each scene: a picture does not tell scale and shift
    (Ranftl et al. 2020).
    """
    near = known.near.float()
    spread, middle = torch.std_mean(near, (1, 2), keepdim=True)
    near = (near - middle) / spread.clamp(min=FLAT)
    return torch.stack([known.masks(), near, known.shading.float().clamp(min=0.02).log()], dim=1)


def error(maps: Tensor, wanted: Tensor) -> Tensor:
    """The loss of maps [picture, 3, 128, 128]."""
    saliency = binary_cross_entropy_with_logits(maps[:, 0], wanted[:, 0])
    share = maps[:, 0].sigmoid()
    overlap = 2 * (share * wanted[:, 0]).sum((1, 2)) / (share + wanted[:, 0]).sum((1, 2)).clamp(min=1)
    depth = smooth_l1_loss(maps[:, 1], wanted[:, 1], beta=0.2)
    shading = smooth_l1_loss(maps[:, 2], wanted[:, 2], beta=0.2)
    return saliency + 0.5 * (1 - overlap).mean() + depth + shading


def load(folder: Path) -> SmallUNet:
    """The network saved in ``folder``, or a new one."""
    if not (folder / "config.json").exists():
        return SmallUNet(CHANNELS)
    return SmallEstimator.from_pretrained(folder).network.requires_grad_(True).train()


class Objective:
    """The loss on whole pictures of a pool (`pictures_of`) of ``known`` scenes, half the batches mirrored."""

    def __init__(self, network: nn.Module, known: Scenes, pool: Pool, batch: int, fresh: int) -> None:
        """``fresh`` entries are coloured anew before each batch."""
        self.network, self.known, self.pool, self.batch, self.fresh = network, known, pool, batch, fresh
        self._mirror = False

    def __call__(self, rng: torch.Generator) -> Tensor:
        """See `error`."""
        self.pool.refresh(self.fresh)
        i = self.pool.draw(self.batch, rng)
        x = (to_input(self.pool.columns["picture"][i]) + 1) / 2
        y = targets(self.known[i % len(self.known)])
        self._mirror = not self._mirror
        if self._mirror:
            x, y = x.flip(3), y.flip(3)
        return error(self.network(x.contiguous()).float(), y)


def main() -> None:
    """Trains on whole pictures; prints the loss on held-out renders."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options(cli, minutes=10, rate=3e-3)
    cli.add_argument("--out", type=Path, default=stilllife.folder() / "estimator")
    args = cli.parse_args()
    torch.manual_seed(0)
    network = load(args.out).to(device())
    known = scenes.load(held_out=False, packed=args.packed, limit=args.scenes).to(device())
    test = scenes.load(held_out=True, packed=args.packed).to(device())[slice(64)]
    x = (to_input(coloured(test, np.random.default_rng(0))[0]) + 1) / 2
    y = targets(test)

    def keep(average: nn.Module) -> None:
        assert isinstance(average, SmallUNet)
        save_estimator(average, CHANNELS, args.out)
        average.eval()
        with torch.no_grad():
            maps = average(x)
        inside, wanted = maps[:, 0] > 0, y[:, 0] > 0.5
        dice = 2 * (inside & wanted).sum((1, 2)) / (inside.sum((1, 2)) + wanted.sum((1, 2)))
        print(f"held-out loss {error(maps, y):.4f}, Dice {dice.mean():.3f}", flush=True)

    pool = Pool(len(known), pictures_of(known), np.random.default_rng())
    train(
        network,
        Objective(network, known, pool, BATCH, FRESH),
        keep,
        folder=LOGS / "estimator",
        batch=BATCH,
        course=course(args),
    )


if __name__ == "__main__":
    main()
