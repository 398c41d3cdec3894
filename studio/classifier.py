"""Trains the still life's classifier of classes and colours on renders.

``python -m studio.classifier --minutes 8``; run again, it goes on from the weights in ``--out``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from studio.autoencoder import to_input
from studio.data import load_pictures
from studio.training import LOGS, course, device, options, train
from studio.world import CLASSES, COLOURS
from underpainting import stilllife
from underpainting.observers.classifiers.small_vgg import SmallClassifier, SmallVGG, save_classifier

BATCH = 32


def moved(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Pictures each mirrored, turned (25 degrees), scaled (0.8 to 1.25) and shifted (a tenth) at random."""
    u = torch.rand(5, len(pictures), generator=rng) * 2 - 1
    turn, scale = u[0] * torch.pi * 25 / 180, 1.25 ** u[1]
    flip = u[2].sign()
    across = torch.stack([flip * scale * turn.cos(), -flip * scale * turn.sin(), u[3] * 0.2], dim=1)
    down = torch.stack([scale * turn.sin(), scale * turn.cos(), u[4] * 0.2], dim=1)
    grid = affine_grid(torch.stack([across, down], dim=1), list(pictures.shape), align_corners=False)
    return grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def main() -> None:
    """Trains on whole pictures, moved at random; prints the accuracy on held-out renders."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options(cli, minutes=8, rate=3e-3)
    cli.add_argument("--out", type=Path, default=stilllife.folder() / "classifier")
    args = cli.parse_args()
    torch.manual_seed(0)
    where = device()
    network = SmallVGG(len(CLASSES), len(COLOURS))
    if (args.out / "config.json").exists():
        network = SmallClassifier.from_pretrained(args.out).network.requires_grad_(True).train()
    network.to(where)
    data, test = load_pictures(held_out=False), load_pictures(held_out=True)

    def loss(rng: torch.Generator) -> Tensor:
        i = torch.randint(len(data), (BATCH,), generator=rng).numpy()
        x = (to_input(torch.from_numpy(data.picture[i])) + 1) / 2
        classes, colours = network(moved(x, rng).to(where))
        names, tones = torch.from_numpy(data.name[i]).to(where), torch.from_numpy(data.colour[i]).to(where)
        return cross_entropy(classes, names, label_smoothing=0.05) + cross_entropy(
            colours, tones, label_smoothing=0.05
        )

    def save(average: nn.Module) -> None:
        assert isinstance(average, SmallVGG)
        save_classifier(average, list(CLASSES), list(COLOURS), args.out)
        average.eval()
        with torch.no_grad():
            classes, colours = average(((to_input(torch.from_numpy(test.picture)) + 1) / 2).to(where))
        right = (
            (classes.argmax(1).cpu().numpy() == test.name).mean(),
            (colours.argmax(1).cpu().numpy() == test.colour).mean(),
        )
        print(f"held-out accuracy: class {right[0]:.3f}, colour {right[1]:.3f}", flush=True)

    train(
        network,
        loss,
        save,
        folder=LOGS / "classifier",
        batch=BATCH,
        course=course(args),
    )


if __name__ == "__main__":
    main()
