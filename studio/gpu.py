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
import math
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from studio import autoencoder, classifier, diffusion, estimator, scenes, tokens
from studio.check import figures
from studio.parcel import split
from studio.pool import Pool, latents_of, pictures_of, to_input, token_ids
from studio.scenes import Scenes
from studio.training import Course, device, train
from studio.world import CLASSES, COLOURS
from underpainting.observers.classifiers.small_vgg import SmallVGG
from underpainting.observers.estimators.small_unet import SmallUNet, save_estimator

PACKED = Path(__file__).resolve().parent.parent / "scenes"
EVERY = 60.0  # seconds from one saving to the next
ROOMY = 80.0  # gigabytes
PATIENCE = 45.0  # seconds to wait for the compiler once the autoencoder is trained
SHARES = {  # of the time that is left for them
    "autoencoder": 0.2,
    "diffusion": 0.53,
    "decoder": 0.07,
    "estimator": 0.08,
    "classifier": 0.05,
    "figures": 0.07,
}
Loss = Callable[[torch.Generator], Tensor]


@dataclass(frozen=True)
class Plan:
    """How large everything is: networks' widths, pictures a batch, and how many of them are coloured anew."""

    autoencoder: tuple[int, ...]
    groups: int
    crop: int
    unet: tuple[int, ...]
    estimator: tuple[int, int, int, int]
    pictures: int
    latents: int
    fresh: int
    told: float
    checked: int  # prompts
    compiled: bool


FULL = Plan(
    autoencoder=(32, 64, 96, 128),
    groups=16,
    crop=128,
    unet=diffusion.WIDTHS,
    estimator=(24, 48, 96, 192),
    pictures=128,
    latents=512,
    fresh=64,
    told=0.5,
    checked=512,
    compiled=True,
)
REHEARSAL = Plan(
    autoencoder=(8, 8, 8, 8),
    groups=4,
    crop=32,
    unet=(16, 16, 16, 16),
    estimator=(4, 8, 8, 8),
    pictures=2,
    latents=2,
    fresh=2,
    told=0.5,
    checked=2,
    compiled=False,
)


def fitting(plan: Plan, gigabytes: float) -> Plan:
    """The plan with its batches halved until a card of that memory holds them; FULL is for ROOMY."""
    halvings = max(0, math.ceil(math.log2(ROOMY / gigabytes)))
    return replace(
        plan,
        pictures=max(1, plan.pictures >> halvings),
        latents=max(1, plan.latents >> halvings),
        fresh=max(2, plan.fresh >> halvings),
    )


def plan_here() -> Plan:
    """What this machine can do."""
    if device().type != "cuda":
        return REHEARSAL
    return fitting(FULL, torch.cuda.get_device_properties(0).total_memory / 1e9)


class Workshop:
    """The networks of a plan, the folder they are saved in, and the time they have until ``end``."""

    def __init__(self, plan: Plan, folder: Path, out: Path, end: float) -> None:
        """New networks; what is saved goes to ``out`` as well."""
        where = device()
        self.plan, self.folder, self.out, self.end = plan, folder, out, end
        self.tokenizer = tokens.build()
        self.vae = autoencoder.build(plan.autoencoder, plan.groups).to(where)
        self.denoiser = new_denoiser(plan).to(where)
        self.estimator = SmallUNet(plan.estimator).to(where)
        self.classifier = SmallVGG(len(CLASSES), len(COLOURS)).to(where)

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

    def train(
        self, stage: str, network: nn.Module, loss: Loss, batch: int, rate: float, optimizer: str = "adamw"
    ) -> None:
        """One stage, saved every minute and at its end."""
        course = Course(
            minutes=self.minutes(stage),
            rate=rate,
            optimizer=optimizer,
            save=EVERY,
            bfloat16=True,
        )
        print(f"{stage}: {course.minutes:.2f} minutes", flush=True)
        network.train()
        train(network, loss, self.save, folder=self.folder / "logs" / stage, batch=batch, course=course)
        network.eval()

    def run(self, known: Scenes, held_out: Scenes) -> dict[str, float]:
        """Every stage in turn; the figures reached."""
        plan = self.plan
        shown = Pool(len(held_out), pictures_of(held_out), np.random.default_rng(0)).columns
        self.save(self.vae, self.denoiser, self.estimator, self.classifier)  # loads from the start
        compiling = compile_beside() if plan.compiled else None

        pictures = Pool(len(known), pictures_of(known), np.random.default_rng())
        seen = autoencoder.Objective(self.vae, pictures, plan.pictures, plan.fresh // 2, plan.crop)
        self.train("autoencoder", self.vae, seen, plan.pictures, rate=1e-3)
        autoencoder.scale(self.vae, to_input(shown["picture"]))
        self.save(self.vae)

        make = latents_of(known, self.vae, self.tokenizer, plan.told)
        latents = Pool(len(known), make, np.random.default_rng())
        ready = compiling is not None and succeeded(compiling)
        denoise: diffusion.Forward = torch.compile(self.denoiser) if ready else self.denoiser
        empty = token_ids(self.tokenizer, [""])[0]
        noisy = diffusion.Objective(denoise, known, latents, plan.latents, plan.fresh, empty, hard={})
        self.train("diffusion", self.denoiser, noisy, plan.latents, rate=2e-3, optimizer="muon")

        autoencoder.freeze_encoder(self.vae, True)
        self.train("decoder", self.vae, seen, plan.pictures, rate=5e-4)
        maps = estimator.Objective(self.estimator, known, pictures, plan.pictures, plan.fresh // 2)
        self.train("estimator", self.estimator, maps, plan.pictures, rate=3e-3)
        names = classifier.Objective(self.classifier, known, pictures, plan.pictures, plan.fresh // 2)
        self.train("classifier", self.classifier, names, plan.pictures, rate=3e-3)
        return figures(self.folder, held_out, shown, plan.checked)


def new_denoiser(plan: Plan) -> diffusion.Denoiser:
    """U-Net and text encoder, not trained."""
    return diffusion.Denoiser(diffusion.build_unet(plan.unet), diffusion.build_text_encoder(tokens.build()))


def compile_beside() -> subprocess.Popen[bytes]:
    """A process that compiles the denoiser into torch's cache on disk while the autoencoder is trained."""
    return subprocess.Popen([sys.executable, "-m", "studio.gpu", "--compile"])


def succeeded(compiling: subprocess.Popen[bytes]) -> bool:
    """Whether it compiled; one that takes too long is given up."""
    try:
        return compiling.wait(PATIENCE) == 0
    except subprocess.TimeoutExpired:
        compiling.kill()
        return False


def compile_once(plan: Plan) -> None:
    """Compiles the denoiser as `Workshop.run` uses it, forward and backward."""
    where = device()
    denoiser = new_denoiser(plan).to(where).train()
    noisy = torch.randn(plan.latents, autoencoder.LATENTS, 16, 16, device=where)
    steps = torch.zeros(plan.latents, dtype=torch.long, device=where)
    words = torch.zeros(plan.latents, tokens.LENGTH, dtype=torch.long, device=where)
    with torch.autocast(where.type, torch.bfloat16):
        predicted = torch.compile(denoiser)(noisy, steps, words)
    predicted.float().square().mean().backward()


def main() -> None:
    """Trains, measures, prints."""
    began = time.monotonic()
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("out", type=Path, nargs="?", help="a folder for what is made")
    cli.add_argument("--minutes", type=float, default=9, help="of everything, reading and measuring included")
    cli.add_argument("--packed", type=Path, help="scenes of studio.scenes; the pack's own unless given")
    cli.add_argument("--compile", action="store_true", help=argparse.SUPPRESS)
    args = cli.parse_args()
    plan = plan_here()
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    if args.compile:
        return compile_once(plan)
    if args.out is None:
        cli.error("say where to write what is made: python -m studio.gpu OUT")
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
