"""The networks of a plan, and their compilation in processes beside, into torch's cache on disk.

``python -m studio.networks STAGE`` compiles what one stage of `studio.gpu` trains.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

import torch
from torch import Tensor, nn

from studio import autoencoder, diffusion, tokens
from studio.plan import Plan, plan_here
from studio.training import device
from studio.world import CLASSES, COLOURS
from underpainting.observers.classifiers.small_vgg import SmallVGG
from underpainting.observers.estimators.small_unet import SmallUNet

PATIENCE = 60.0  # seconds to wait, at a stage's start, for its network to be compiled
STAGES = ("autoencoder", "diffusion", "decoder", "estimator", "classifier")
SIDE = 128  # pixels


class Networks:
    """New networks of a plan, on this machine's device."""

    def __init__(self, plan: Plan) -> None:
        """With random weights."""
        where = device()
        self.vae = autoencoder.build(plan.autoencoder, plan.groups).to(where)
        unet, text = diffusion.build_unet(plan.unet), diffusion.build_text_encoder(tokens.build())
        self.denoiser = diffusion.Denoiser(unet, text).to(where)
        self.estimator = SmallUNet(plan.estimator).to(where)
        self.classifier = SmallVGG(len(CLASSES), len(COLOURS)).to(where)

    def trained(self, stage: str) -> nn.Module:
        """What a stage trains, as one function of its batches' tensors."""
        autoencoder.freeze_encoder(self.vae, stage == "decoder")
        return {
            "autoencoder": autoencoder.Rebuild(self.vae),
            "diffusion": self.denoiser,
            "decoder": autoencoder.Rebuild(self.vae),
            "estimator": self.estimator,
            "classifier": self.classifier,
        }[stage]


def batch(plan: Plan, stage: str) -> tuple[Tensor, ...]:
    """Tensors of the shapes that a stage's network is given."""
    where = device()
    if stage == "diffusion":
        words = torch.zeros(2, plan.latents, tokens.LENGTH, dtype=torch.long, device=where)
        latents = torch.randn(plan.latents, autoencoder.LATENTS, 16, 16, device=where)
        return latents, words[0, :, 0].contiguous(), words[1]
    if stage in ("autoencoder", "decoder"):
        small = plan.crop // autoencoder.SHRUNK
        noise = torch.randn(plan.crops, autoencoder.LATENTS, small, small, device=where)
        return torch.randn(plan.crops, 3, plan.crop, plan.crop, device=where), noise
    return (torch.rand(plan.pictures, 3, SIDE, SIDE, device=where),)


class Compiling:
    """A process for each stage that compiles its network, where the plan asks for it."""

    def __init__(self, plan: Plan) -> None:
        """Starts them all."""
        command = [sys.executable, "-m", "studio.networks"]
        self.processes = {stage: subprocess.Popen([*command, stage]) for stage in STAGES if plan.compiled}

    def succeeded(self, stage: str) -> bool:
        """Whether a stage's network is compiled; one that takes too long is given up."""
        if stage not in self.processes:
            return False
        try:
            return self.processes[stage].wait(PATIENCE) == 0
        except subprocess.TimeoutExpired:
            self.processes[stage].kill()
            return False


def main() -> None:
    """Compiles one stage's network, forward and backward."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("stage", choices=STAGES)
    stage, plan, began = cli.parse_args().stage, plan_here(), time.monotonic()
    prepare()
    network, tensors = Networks(plan).trained(stage).train(), batch(plan, stage)
    with torch.autocast(device().type, torch.bfloat16):
        found = torch.compile(network)(*tensors)
    outputs = found if isinstance(found, tuple) else (found,)
    torch.stack([output.float().square().mean() for output in outputs]).sum().backward()
    print(f"{stage}: compiled after {time.monotonic() - began:.0f} s", flush=True)


def prepare() -> None:
    """How a GPU computes, in trainings and in what is compiled for them."""
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True


if __name__ == "__main__":
    main()
