"""Trains the still life's autoencoder: 128 x 128 pictures to 16 x 16 latents of 4 channels and back.

``python -m studio.autoencoder --minutes 20``; run again, it goes on from the weights in ``--out``. Once a
denoiser is trained on its latents, go on with ``--decoder`` only.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from studio.data import load_pictures
from studio.training import LOGS, course, device, forget_paths, options, train
from underpainting import stilllife

CROP, BATCH = 64, 8


def build() -> AutoencoderKL:
    """A small AutoencoderKL that halves the picture three times."""
    return AutoencoderKL(
        block_out_channels=(16, 24, 48, 64),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=128,
    )


def load(folder: Path) -> AutoencoderKL:
    """The autoencoder saved in ``folder``, or a new one."""
    return AutoencoderKL.from_pretrained(folder) if (folder / "config.json").exists() else build()


def to_input(pictures: Tensor) -> Tensor:
    """uint8 [picture, height, width, 3] to float32 [picture, 3, height, width] in -1..1."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of each picture, both in -1..1."""
    error = ((a.clamp(-1, 1) - b.clamp(-1, 1)) / 2).square().flatten(1).mean(1)
    return -10 * torch.log10(error)


@torch.no_grad()
def spread(vae: AutoencoderKL, pictures: Tensor) -> float:
    """Standard deviation of the latents' means, whose inverse is the pipeline's scaling factor."""
    return float(torch.cat([vae.encode(to_input(p)).latent_dist.mean for p in pictures.split(16)]).std())


def main() -> None:
    """Trains on crops, prints the held-out PSNR."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options(cli, minutes=20, rate=2e-3)
    cli.add_argument("--decoder", action="store_true", help="the decoder alone: latents stay as they are")
    cli.add_argument("--out", type=Path, default=stilllife.folder() / "pipeline" / "vae")
    args = cli.parse_args()
    torch.manual_seed(0)
    where = device()
    vae = load(args.out).to(where)
    for part in (vae.encoder, vae.quant_conv):
        part.requires_grad_(not args.decoder)
    pictures = torch.from_numpy(load_pictures(held_out=False).picture)
    held_out = torch.from_numpy(load_pictures(held_out=True).picture[::4])
    size = pictures.shape[1]

    def loss(rng: torch.Generator) -> Tensor:
        which = torch.randint(len(pictures), (BATCH,), generator=rng)
        top, left = torch.randint(size - CROP + 1, (2, BATCH), generator=rng)
        crops = [pictures[i, y : y + CROP, x : x + CROP] for i, y, x in zip(which, top, left, strict=True)]
        x = to_input(torch.stack(crops)).to(where)
        x = torch.where((torch.rand(BATCH, generator=rng) < 0.5).to(where)[:, None, None, None], x.flip(3), x)
        latents = vae.encode(x).latent_dist
        noise = torch.randn(latents.mean.shape, generator=rng).to(where)
        difference = vae.decode(latents.mean + latents.std * noise).sample - x
        return difference.square().mean() + 0.1 * difference.abs().mean() + 1e-6 * latents.kl().mean()

    def save(average: nn.Module) -> None:
        assert isinstance(average, AutoencoderKL)
        average.eval()
        if not args.decoder:
            average.register_to_config(scaling_factor=1 / spread(average, held_out.to(where)))
        average.half().save_pretrained(args.out)
        forget_paths(args.out)
        average.float()
        with torch.no_grad():
            x = to_input(held_out.to(where))
            score = psnr(average.decode(average.encode(x).latent_dist.mean).sample, x).mean()
        print(f"held-out PSNR {score:.2f} dB", flush=True)

    train(
        vae,
        loss,
        save,
        folder=LOGS / "autoencoder",
        batch=BATCH,
        course=course(args),
    )


if __name__ == "__main__":
    main()
