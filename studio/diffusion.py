"""Trains the still life's U-Net and text encoder on the autoencoder's latents of renders coloured anew.

``python -m studio.diffusion --minutes 60``; run again, it goes on from the weights in ``--out``. The whole
pipeline is saved in diffusers' format, ready for ``StableDiffusionPipeline.from_pretrained``.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, LMSDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from studio import scenes, tokens
from studio.pool import Pool, latents_of, token_ids
from studio.scenes import Scenes
from studio.training import LOGS, course, device, forget_paths, options, train
from studio.world import CLASSES
from underpainting import stilllife

BATCH = 32
DROPPED = 0.1  # share of prompts emptied, for classifier-free guidance (Ho and Salimans 2022)
HARD = {"house": 5.0, "mug": 2.0, "lamp": 2.0}  # how often the classes that fail most are drawn, to 1
MAX_SNR = 5.0  # steps are drawn as often as min-SNR weighs them (Hang et al. 2023)
Forward = Callable[[Tensor, Tensor, Tensor], Tensor]
WIDTHS, WIDTH = (48, 96, 128, 160), 128  # of the U-Net's levels and of words


def schedule() -> LMSDiscreteScheduler:
    """Stable Diffusion v1's noise schedule."""
    return LMSDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000
    )


def build_unet(widths: tuple[int, ...] = WIDTHS) -> UNet2DConditionModel:
    """Stable Diffusion v1's topology, narrower."""
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=widths,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A small CLIP text transformer."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=tokens.LENGTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


class Denoiser(nn.Module):
    """U-Net and text encoder, trained together."""

    def __init__(self, unet: UNet2DConditionModel, text: CLIPTextModel) -> None:
        """What is trained."""
        super().__init__()
        self.unet, self.text = unet, text

    def forward(self, noisy: Tensor, timestep: Tensor, ids: Tensor) -> Tensor:
        """Predicted noise [picture, 4, 16, 16] for prompts as token ids [picture, LENGTH]."""
        predicted: Tensor = self.unet(noisy, timestep, self.text(ids).last_hidden_state).sample
        return predicted


def load(folder: Path, tokenizer: CLIPTokenizer) -> Denoiser:
    """The denoiser of a pipeline's folder, or a new one; words that its text encoder lacks are added."""
    if (folder / "unet" / "config.json").exists():
        unet = UNet2DConditionModel.from_pretrained(folder / "unet")
        text = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
        text.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    else:
        unet, text = build_unet(), build_text_encoder(tokenizer)
    return Denoiser(unet.float(), text.float())


def save(denoiser: Denoiser, tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Saves the whole pipeline in ``folder``, where its autoencoder is, in float16."""
    halves = copy.deepcopy(denoiser).cpu().eval().half()
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(folder / "vae", dtype=torch.float16),
        text_encoder=halves.text.float(),  # transformers loads what it finds, diffusers float32
        tokenizer=tokenizer,
        unet=halves.unet,
        scheduler=schedule(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    forget_paths(folder)


def noise_levels() -> tuple[Tensor, Tensor]:
    """The signal's share of the variance at each step [step], and how often it or an earlier one is drawn."""
    kept = schedule().alphas_cumprod
    often = ((1 - kept) / kept * MAX_SNR).clamp(max=1).cumsum(0)
    return kept, often / often[-1]


class Objective:
    """The loss of a denoiser on a pool (`latents_of`) of ``known`` scenes.

    ``hard`` says how often classes are drawn, to 1.
    """

    def __init__(
        self,
        denoiser: Forward,
        known: Scenes,
        pool: Pool,
        batch: int,
        fresh: int,
        empty: Tensor,
        hard: Mapping[str, float] = HARD,
    ) -> None:
        """``fresh`` entries are coloured anew before each batch; ``empty`` [LENGTH] are no words."""
        self.denoiser, self.pool, self.batch, self.fresh = denoiser, pool, batch, fresh
        where = pool.columns["latent"].device
        self.kept, self.share = (column.to(where) for column in noise_levels())
        self.empty = empty.to(where)
        often = torch.tensor([hard.get(CLASSES[name], 1.0) for name in known.name.tolist()], device=where)
        self.often = often.repeat(len(pool) // len(known))

    def __call__(self, rng: torch.Generator) -> Tensor:
        """Mean squared error of the predicted noise."""
        self.pool.refresh(self.fresh)
        batch, where, columns = self.batch, rng.device, self.pool.columns
        i = torch.multinomial(self.often, batch, replacement=True, generator=rng)
        even = torch.arange(batch, device=where) + torch.rand(batch, generator=rng, device=where)
        t = torch.searchsorted(self.share, even / batch).clamp(max=len(self.kept) - 1)
        dropped = torch.rand(batch, 1, generator=rng, device=where) < DROPPED
        words = torch.where(dropped, self.empty, columns["words"][i])
        x = columns["latent"][i]
        noise = torch.randn(x.shape, generator=rng, device=where)
        a = self.kept[t][:, None, None, None]
        predicted = self.denoiser(a.sqrt() * x + (1 - a).sqrt() * noise, t, words)
        return mse_loss(predicted.float(), noise)


def main() -> None:
    """Trains and saves the pipeline."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options(cli, minutes=60, rate=1.1e-3)
    cli.add_argument("--colourings", type=int, default=1, help="of each scene at any time")
    cli.add_argument("--fresh", type=int, default=4, help="pictures coloured anew before each batch")
    cli.add_argument("--told", type=float, default=0.5, help="share of captions that may tell size and place")
    cli.add_argument("--out", type=Path, default=stilllife.folder() / "pipeline")
    args = cli.parse_args()
    torch.manual_seed(0)
    tokenizer = tokens.build()
    denoiser = load(args.out, tokenizer).to(device()).train()
    vae = AutoencoderKL.from_pretrained(args.out / "vae").to(device()).eval()
    known = scenes.load(held_out=False, packed=args.packed, limit=args.scenes).to(device())
    make = latents_of(known, vae, tokenizer, args.told)
    pool = Pool(len(known), make, np.random.default_rng(), args.colourings)
    print(
        f"{sum(p.numel() for p in denoiser.unet.parameters()) / 1e6:.1f} M parameters, {len(known)} scenes,"
        f" latents' standard deviation {pool.columns['latent'].std():.3f}",
        flush=True,
    )

    def keep(average: nn.Module) -> None:
        assert isinstance(average, Denoiser)
        save(average, tokenizer, args.out)

    train(
        denoiser,
        Objective(denoiser, known, pool, BATCH, args.fresh, token_ids(tokenizer, [""])[0]),
        keep,
        folder=LOGS / "diffusion",
        batch=BATCH,
        course=course(args),
    )


if __name__ == "__main__":
    main()
