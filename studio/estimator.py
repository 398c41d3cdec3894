"""Trains the still life's estimator of saliency, depth and shading on renders.

``python -m studio.estimator --minutes 10``; run again, it goes on from the weights in ``--out``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from studio.autoencoder import to_input
from studio.data import Pictures, load_pictures
from studio.training import LOGS, course, device, options, train
from underpainting import stilllife
from underpainting.observers.estimators.small_unet import SmallEstimator, SmallUNet, save_estimator

CHANNELS, BATCH = (16, 32, 64, 128), 16
FLAT = 0.02  # least spread of inverse depth within a scene, per scene unit


def targets(data: Pictures) -> Tensor:
    """Raw maps [scene, 3, 128, 128] float16 that the network is to give (see `SmallUNet`).

    Inverse depth is standardised within each scene: a picture does not tell scale and shift
    (Ranftl et al. 2020).
    """
    mask, depth, shading = (torch.from_numpy(x) for x in (data.mask, data.depth, data.shading))
    near = 1 / depth.float()
    spread, middle = torch.std_mean(near, (1, 2), keepdim=True)
    near = (near - middle) / spread.clamp(min=FLAT)
    return torch.stack([mask, near.half(), shading.float().clamp(min=0.02).log().half()], dim=1)


def main() -> None:
    """Trains on whole pictures, mirrored at random; prints the loss on held-out renders."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options(cli, minutes=10, rate=3e-3)
    cli.add_argument("--out", type=Path, default=stilllife.folder() / "estimator")
    args = cli.parse_args()
    torch.manual_seed(0)
    where = device()
    network = SmallUNet(CHANNELS)
    if (args.out / "config.json").exists():
        network = SmallEstimator.from_pretrained(args.out).network.requires_grad_(True).train()
    network.to(where)
    data, test = load_pictures(held_out=False), load_pictures(held_out=True)
    wanted, scene = targets(data), torch.from_numpy(data.scene)

    def error(maps: Tensor, wanted: Tensor) -> Tensor:
        saliency = binary_cross_entropy_with_logits(maps[:, 0], wanted[:, 0])
        share = maps[:, 0].sigmoid()
        overlap = 2 * (share * wanted[:, 0]).sum((1, 2)) / (share + wanted[:, 0]).sum((1, 2)).clamp(min=1)
        depth = smooth_l1_loss(maps[:, 1], wanted[:, 1], beta=0.2)
        shading = smooth_l1_loss(maps[:, 2], wanted[:, 2], beta=0.2)
        return saliency + 0.5 * (1 - overlap).mean() + depth + shading

    def loss(rng: torch.Generator) -> Tensor:
        i = torch.randint(len(data), (BATCH,), generator=rng)
        x = (to_input(torch.from_numpy(data.picture[i.numpy()])) + 1) / 2
        y = wanted[scene[i]].float()
        if torch.rand((), generator=rng) < 0.5:
            x, y = x.flip(3), y.flip(3)
        return error(network(x.to(where)), y.to(where))

    def save(average: nn.Module) -> None:
        assert isinstance(average, SmallUNet)
        save_estimator(average, CHANNELS, args.out)
        average.eval()
        with torch.no_grad():
            x = (to_input(torch.from_numpy(test.picture[::4][:64])) + 1) / 2
            y = targets(test)[: len(x)].float().to(where)
            maps = average(x.to(where))
        inside, wanted = maps[:, 0] > 0, y[:, 0] > 0.5
        dice = 2 * (inside & wanted).sum((1, 2)) / (inside.sum((1, 2)) + wanted.sum((1, 2)))
        print(f"held-out loss {error(maps, y):.4f}, Dice {dice.mean():.3f}", flush=True)

    train(
        network,
        loss,
        save,
        folder=LOGS / "estimator",
        batch=BATCH,
        course=course(args),
    )


if __name__ == "__main__":
    main()
