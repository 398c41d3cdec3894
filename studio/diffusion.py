"""Trains the still life's U-Net and text encoder on the autoencoder's latents of the coloured renders.

``python -m studio.diffusion --minutes 60``; run again, it goes on from the weights in ``--out``. The whole
pipeline is saved in diffusers' format, ready for ``StableDiffusionPipeline.from_pretrained``.
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import torch
from diffusers import AutoencoderKL, LMSDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from studio import tokens
from studio.autoencoder import to_input
from studio.data import load_pictures
from studio.training import LOGS, device, forget_paths, train
from studio.world import CLASSES
from underpainting import stilllife

BATCH = 32
DROPPED = 0.1  # share of prompts emptied, for classifier-free guidance (Ho and Salimans 2022)
HARD = {"house": 5.0, "mug": 2.0, "lamp": 2.0}  # how often the classes that fail most are drawn, to 1
MAX_SNR = 5.0  # steps are drawn as often as min-SNR weighs them (Hang et al. 2023)
WIDTH = 128


def schedule() -> LMSDiscreteScheduler:
    """Stable Diffusion v1's noise schedule."""
    return LMSDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000
    )


def build_unet() -> UNet2DConditionModel:
    """Stable Diffusion v1's topology, narrower."""
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(48, 96, 128, 160),
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


@torch.no_grad()
def latents(vae: AutoencoderKL, pictures: Tensor) -> Tensor:
    """Scaled latents [2, picture, 4, 16, 16] of uint8 pictures, as they are and mirrored."""
    found = []
    for some in pictures.split(32):
        x = to_input(some).to(vae.device)
        both = [vae.encode(v).latent_dist.mean * vae.config["scaling_factor"] for v in (x, x.flip(3))]
        found.append(torch.stack(both).cpu())
    return torch.cat(found, dim=1)


def main() -> None:
    """Trains and saves the pipeline."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--minutes", type=float, default=60)
    cli.add_argument("--rate", type=float, default=1.1e-3)
    cli.add_argument("--out", type=Path, default=stilllife.folder() / "pipeline")
    args = cli.parse_args()
    torch.manual_seed(0)
    where = device()
    vae = AutoencoderKL.from_pretrained(args.out / "vae").to(where)
    tokenizer = tokens.build()
    if (args.out / "unet" / "config.json").exists():
        unet = UNet2DConditionModel.from_pretrained(args.out / "unet")
        text = CLIPTextModel.from_pretrained(args.out / "text_encoder", dtype=torch.float32)
    else:
        unet, text = build_unet(), build_text_encoder(tokenizer)
    denoiser = Denoiser(unet.float(), text.float()).to(where).train()
    data = load_pictures(held_out=False)
    clean = latents(vae, torch.from_numpy(data.picture))
    print(
        f"{sum(p.numel() for p in unet.parameters()) / 1e6:.1f} M parameters, {clean.shape[1]} pictures,"
        f" latents' standard deviation {clean.std():.3f}",
        flush=True,
    )

    def ids(prompts: list[str]) -> Tensor:
        found: Tensor = tokenizer(
            prompts, padding="max_length", truncation=True, return_tensors="pt"
        ).input_ids
        return found

    prompts, empty = ids(data.prompt), ids([""])
    kept = schedule().alphas_cumprod
    share = ((1 - kept) / kept * MAX_SNR).clamp(max=1).cumsum(0)  # of each step and those before it
    share /= share[-1].clone()

    often = torch.tensor([HARD.get(CLASSES[name], 1.0) for name in data.name])

    def loss(rng: torch.Generator) -> Tensor:
        i = torch.multinomial(often, BATCH, generator=rng)
        side = torch.randint(2, (BATCH,), generator=rng)
        t = torch.searchsorted(share, (torch.arange(BATCH) + torch.rand(BATCH, generator=rng)) / BATCH)
        x = clean[side, i]
        noise = torch.randn(x.shape, generator=rng)
        a = kept[t][:, None, None, None]
        words = torch.where(torch.rand(BATCH, 1, generator=rng) < DROPPED, empty, prompts[i])
        predicted = denoiser((a.sqrt() * x + (1 - a).sqrt() * noise).to(where), t.to(where), words.to(where))
        return (predicted - noise.to(where)).square().mean()

    def save(average: nn.Module) -> None:
        assert isinstance(average, Denoiser)
        halves = copy.deepcopy(average).eval().half()
        pipeline = StableDiffusionPipeline(
            vae=AutoencoderKL.from_pretrained(args.out / "vae", dtype=torch.float16),
            text_encoder=halves.text.float(),  # transformers loads what it finds, diffusers float32
            tokenizer=tokenizer,
            unet=halves.unet,
            scheduler=schedule(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.save_pretrained(args.out)
        forget_paths(args.out)

    train(
        denoiser,
        loss,
        save,
        folder=LOGS / "diffusion",
        minutes=args.minutes,
        rate=args.rate,
        batch=BATCH,
    )


if __name__ == "__main__":
    main()
