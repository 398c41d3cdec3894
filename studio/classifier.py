"""Trains the still life's classifier of classes and colours on renders.

``python -m studio.classifier --minutes 8``; run again, it goes on from the weights in ``--out``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from studio.autoencoder import to_input
from studio.data import load_pictures
from studio.training import LOGS, device, train
from studio.world import CLASSES, COLOURS
from underpainting import stilllife
from underpainting.observers.classifiers.small import SmallClassifier, SmallVGG, save_classifier

BATCH = 32


def main() -> None:
    """Trains on whole pictures, mirrored and shifted at random; prints the accuracy on held-out renders."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--minutes", type=float, default=8)
    cli.add_argument("--rate", type=float, default=3e-3)
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
        if torch.rand((), generator=rng) < 0.5:
            x = x.flip(3)
        down, right = torch.randint(-12, 13, (2,), generator=rng).tolist()
        classes, colours = network(x.roll((down, right), (2, 3)).to(where))
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
        minutes=args.minutes,
        rate=args.rate,
        batch=BATCH,
    )


if __name__ == "__main__":
    main()
