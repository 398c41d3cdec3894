"""Trains the still life's autoencoder: 128 x 128 pictures to 16 x 16 latents of 4 channels and back.

``python -m studio.autoencoder --minutes 20``; run again, it goes on from the weights in ``--out``. Once a
denoiser is trained on its latents, go on with ``--decoder`` only.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from studio import scenes
from studio.pool import Pool, pictures_of, to_input
from studio.training import LOGS, course, device, forget_paths, options, train
from underpainting import stilllife

CROP, BATCH, FRESH = 64, 8, 1
WIDTHS, GROUPS = (16, 24, 48, 64), 8
LATENTS, SHRUNK = 4, 8  # channels of a latent, pixels that one of its places stands for across

# pictures in -1..1 [picture,3,height,width], noise -> pictures rebuilt, divergence [picture]
Rebuilding = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def build(widths: tuple[int, ...] = WIDTHS, groups: int = GROUPS) -> AutoencoderKL:
    """A small AutoencoderKL that halves the picture three times."""
    return AutoencoderKL(
        block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=LATENTS,
        norm_num_groups=groups,
        sample_size=128,
    )


def load(folder: Path) -> AutoencoderKL:
    """The autoencoder saved in ``folder``, or a new one."""
    return AutoencoderKL.from_pretrained(folder) if (folder / "config.json").exists() else build()


def save(vae: AutoencoderKL, folder: Path) -> None:
    """Saves the autoencoder in float16."""
    copy.deepcopy(vae).half().save_pretrained(folder)
    forget_paths(folder)


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of each picture, both in -1..1."""
    error = ((a.clamp(-1, 1) - b.clamp(-1, 1)) / 2).square().flatten(1).mean(1)
    return -10 * torch.log10(error)


@torch.no_grad()
def rebuilt(vae: AutoencoderKL, x: Tensor) -> Tensor:
    """Pictures [picture,3,height,width] in -1..1 after encoding and decoding."""
    return torch.cat([vae.decode(vae.encode(some).latent_dist.mean).sample for some in x.split(16)])


@torch.no_grad()
def scale(vae: AutoencoderKL, x: Tensor) -> None:
    """Sets the pipeline's scaling factor: one over the standard deviation of the latents' means."""
    means = torch.cat([vae.encode(some).latent_dist.mean for some in x.split(16)])
    vae.register_to_config(scaling_factor=1 / float(means.std()))


class Rebuild(nn.Module):
    """An autoencoder as one function of pictures and noise."""

    def __init__(self, vae: AutoencoderKL) -> None:
        """What encodes and decodes."""
        super().__init__()
        self.vae = vae

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures rebuilt from latents drawn by ``noise``; the latents' divergence from noise [picture]."""
        latents = self.vae.encode(x).latent_dist
        return self.vae.decode(latents.mean + latents.std * noise).sample, latents.kl()


class Objective:
    """The loss on random crops of ``batch`` pictures, mirrored at random, of a pool (`pictures_of`)."""

    def __init__(self, rebuild: Rebuilding, pool: Pool, batch: int, fresh: int, crop: int = CROP) -> None:
        """``fresh`` entries are coloured anew before each batch."""
        self.rebuild, self.pool, self.batch, self.fresh, self.crop = rebuild, pool, batch, fresh, crop

    def __call__(self, rng: torch.Generator) -> Tensor:
        """Squared and absolute differences, and a little of the latents' divergence from noise."""
        self.pool.refresh(self.fresh)
        pictures, where = self.pool.columns["picture"], rng.device
        i = self.pool.draw(self.batch, rng)[:, None, None]
        starts = torch.randint(
            pictures.shape[1] - self.crop + 1, (2, self.batch, 1), generator=rng, device=where
        )
        rows, columns = starts + torch.arange(self.crop, device=where)
        x = to_input(pictures[i, rows[:, :, None], columns[:, None, :]])
        mirrored = torch.rand(self.batch, 1, 1, 1, generator=rng, device=where) < 0.5
        x = torch.where(mirrored, x.flip(3), x).contiguous()
        side = self.crop // SHRUNK
        noise = torch.randn(self.batch, LATENTS, side, side, generator=rng, device=where)
        rebuilt, divergence = self.rebuild(x, noise)
        difference = rebuilt.float() - x
        return difference.square().mean() + 0.1 * difference.abs().mean() + 1e-6 * divergence.mean()


def freeze_encoder(vae: AutoencoderKL, frozen: bool) -> None:
    """Leaves latents as they are, so that the decoder alone is trained."""
    for part in (vae.encoder, vae.quant_conv):
        part.requires_grad_(not frozen)


def main() -> None:
    """Trains on crops, prints the held-out PSNR."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options(cli, minutes=20, rate=2e-3)
    cli.add_argument("--decoder", action="store_true", help="the decoder alone: latents stay as they are")
    cli.add_argument("--out", type=Path, default=stilllife.folder() / "pipeline" / "vae")
    args = cli.parse_args()
    torch.manual_seed(0)
    vae = load(args.out).to(device())
    freeze_encoder(vae, args.decoder)
    known = scenes.load(held_out=False, packed=args.packed, limit=args.scenes).to(device())
    test = scenes.load(held_out=True, packed=args.packed).to(device())
    held_out = to_input(Pool(len(test), pictures_of(test), np.random.default_rng(0)).columns["picture"])

    def keep(average: nn.Module) -> None:
        assert isinstance(average, AutoencoderKL)
        average.eval()
        if not args.decoder:
            scale(average, held_out)
        save(average, args.out)
        print(f"held-out PSNR {psnr(rebuilt(average, held_out), held_out).mean():.2f} dB", flush=True)

    train(
        vae,
        Objective(Rebuild(vae), Pool(len(known), pictures_of(known), np.random.default_rng()), BATCH, FRESH),
        keep,
        folder=LOGS / "autoencoder",
        batch=BATCH,
        course=course(args),
    )


if __name__ == "__main__":
    main()
