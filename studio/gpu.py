"""Trains the whole still life from nothing in a few minutes of one GPU.

``python -m studio.gpu OUT --minutes 9``, from the folder that `studio.pack` wrote or from the repository: the
autoencoder, then U-Net and text encoder on its latents, then the decoder once more, the estimator and the
classifier, each for its share of the time, then their figures on held-out scenes as ``OUT/evaluation.json``.
Every minute OUT gets all of it as it is, in a few files (`studio.parcel`) that ``studio.unpack`` puts in
place. Without CUDA, it rehearses: the same path with tiny networks.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from studio import autoencoder, classifier, diffusion, estimator, scenes, tokens
from studio.check import figures
from studio.networks import Compiling, Networks, prepare
from studio.parcel import split
from studio.plan import REHEARSAL, Plan, plan_here
from studio.pool import Pool, latents_of, pictures_of, to_input, token_ids
from studio.scenes import Scenes
from studio.training import Course, device, train
from underpainting.observers.classifiers.small_vgg import SmallVGG
from underpainting.observers.estimators.small_unet import SmallUNet, save_estimator

PACKED = Path(__file__).resolve().parent.parent / "scenes"
EVERY = 60.0  # seconds from one saving to the next
SHARES = {  # of the time that is left for them
    "autoencoder": 0.21,
    "diffusion": 0.53,
    "decoder": 0.06,
    "estimator": 0.09,
    "classifier": 0.05,
    "figures": 0.06,
}
Loss = Callable[[torch.Generator], Tensor]


class Workshop:
    """The networks of a plan, the folder they are saved in, and the time they have until ``end``."""

    def __init__(self, plan: Plan, folder: Path, out: Path, end: float) -> None:
        """New networks; what is saved goes to ``out`` as well."""
        self.compiling = Compiling(plan)
        self.plan, self.folder, self.out, self.end = plan, folder, out, end
        self.tokenizer, self.networks = tokens.build(), Networks(plan)

    def minutes(self, stage: str) -> float:
        """The stage's share of the minutes that are left."""
        shares = list(SHARES.values())[list(SHARES).index(stage) :]
        return max(0.0, (self.end - time.monotonic()) / 60 * SHARES[stage] / sum(shares))

    def save(self, *networks: nn.Module) -> None:
        """Saves the networks given, and with them all that were saved before."""
        for network in networks:
            if isinstance(network, AutoencoderKL):
                autoencoder.save(network, self.folder / "pipeline" / "vae")
            elif isinstance(network, diffusion.Denoiser):
                diffusion.save(network, self.tokenizer, self.folder / "pipeline")
            elif isinstance(network, SmallUNet):
                save_estimator(network, self.plan.estimator, self.folder / "estimator")
            elif isinstance(network, SmallVGG):
                classifier.save(network, self.folder / "classifier")
        split(self.folder, self.out)

    def train(self, stage: str, network: nn.Module, loss: Loss, batch: int, rate: float) -> None:
        """One stage, saved every minute and at its end."""
        course = Course(
            minutes=self.minutes(stage),
            rate=rate,
            optimizer="muon",
            save=EVERY,
            bfloat16=True,
        )
        print(f"{stage}: {course.minutes:.2f} minutes", flush=True)
        network.train()
        train(network, loss, self.save, folder=self.folder / "logs" / stage, batch=batch, course=course)
        network.eval()

    def function(self, stage: str) -> nn.Module:
        """What a stage trains, compiled where a process beside has done so before."""
        network = self.networks.trained(stage)
        if not self.compiling.succeeded(stage):
            return network
        compiled: nn.Module = torch.compile(network)
        return compiled

    def run(self, known: Scenes, held_out: Scenes) -> dict[str, float]:
        """Every stage in turn; the figures reached."""
        plan, made, rng = self.plan, self.networks, np.random.default_rng()
        shown = Pool(len(held_out), pictures_of(held_out), np.random.default_rng(0)).columns
        self.save(made.vae, made.denoiser, made.estimator, made.classifier)  # loads from the start

        pictures = Pool(len(known), pictures_of(known), rng, together=plan.together)
        fresh = plan.fresh // 2
        seen = autoencoder.Objective(self.function("autoencoder"), pictures, plan.crops, fresh, plan.crop)
        self.train("autoencoder", made.vae, seen, plan.crops, rate=2e-3)
        autoencoder.scale(made.vae, to_input(shown["picture"]))
        self.save(made.vae)

        make = latents_of(known, made.vae, self.tokenizer, plan.told)
        latents = Pool(len(known), make, rng, together=plan.together)
        empty, denoise = token_ids(self.tokenizer, [""])[0], self.function("diffusion")
        noisy = diffusion.Objective(denoise, known, latents, plan.latents, plan.fresh, empty, hard={})
        self.train("diffusion", made.denoiser, noisy, plan.latents, rate=2e-3)

        seen.rebuild = self.function("decoder")
        self.train("decoder", made.vae, seen, plan.crops, rate=1e-3)
        maps = estimator.Objective(self.function("estimator"), known, pictures, plan.pictures, fresh)
        self.train("estimator", made.estimator, maps, plan.pictures, rate=3e-3)
        names = classifier.Objective(self.function("classifier"), known, pictures, plan.pictures, fresh)
        self.train("classifier", made.classifier, names, plan.pictures, rate=3e-3)
        return figures(self.folder, held_out, shown, plan.checked)


def main() -> None:
    """Trains, measures, prints."""
    began = time.monotonic()
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("out", type=Path, help="a folder for what is made")
    cli.add_argument("--minutes", type=float, default=9, help="of everything, reading and measuring included")
    cli.add_argument("--packed", type=Path, help="scenes of studio.scenes; the pack's own unless given")
    args = cli.parse_args()
    plan = plan_here()
    prepare()
    if plan is REHEARSAL:
        print("no CUDA here: a rehearsal with tiny networks", flush=True)
    packed = args.packed or (PACKED if PACKED.exists() else scenes.compact())
    known, held_out = (scenes.load(held, packed).to(device()) for held in (False, True))
    print(f"{len(known)} scenes after {time.monotonic() - began:.0f} s", flush=True)
    with TemporaryDirectory() as name:
        workshop = Workshop(plan, Path(name), args.out, began + 60 * args.minutes)
        reached = workshop.run(known, held_out)
        reached["minutes"] = (time.monotonic() - began) / 60
        for folder in (workshop.folder, args.out):
            (folder / "evaluation.json").write_text(json.dumps(reached, indent=1) + "\n")
        workshop.save()
    print(*(f"{key:28s} {value:10.4g}" for key, value in reached.items()), sep="\n")


if __name__ == "__main__":
    main()
