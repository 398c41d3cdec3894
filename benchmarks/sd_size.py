"""What watching and fitting cost at Stable Diffusion v1's own size, with random weights.

`python -m benchmarks.sd_size`: the exact architecture of Stable Diffusion v1.4 at 512 x 512 pixels, float32,
one step of both branches: by the bare pipeline, with all 16 layers watched, and with the moments of three
properties and their shuffled twins added up in every layer, in turn. Takes minutes and about 6 GB. Nothing is
decoded.
"""

from __future__ import annotations

import resource
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import typer
from diffusers import AutoencoderKL, LMSDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from benchmarks.timing import interleaved, ratio
from benchmarks.tiny import tiny_tokenizer
from underpainting.cli._screen import table
from underpainting.diffusion import Model, StepRecord, attach
from underpainting.probes import Moments, cell_means
from underpainting.screen import quiet_libraries

PROMPT, TARGETS = "a photograph of an astronaut", 6


def stable_diffusion(folder: Path) -> StableDiffusionPipeline:
    """Stable Diffusion v1.4 with random weights; its tokenizer, which is small, is kept in a folder."""
    torch.manual_seed(0)
    text: dict[str, Any] = {"hidden_size": 768, "intermediate_size": 3072, "projection_dim": 768}
    text |= {"num_hidden_layers": 12, "num_attention_heads": 12, "hidden_act": "quick_gelu"}
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=4,
        sample_size=512,
    )
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
    noise = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    pipe = StableDiffusionPipeline(
        vae=vae.eval(),
        text_encoder=CLIPTextModel(CLIPTextConfig(vocab_size=49408, **text)).eval(),
        tokenizer=tiny_tokenizer(folder),
        unet=unet.eval(),
        scheduler=LMSDiscreteScheduler(**noise),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def peak_gigabytes() -> float:
    """Most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def measure(repeats: int = 3) -> dict[str, float]:
    """Measure sd_watch_ratio, sd_fit_ratio and sd_peak_gb."""
    quiet_libraries()
    with TemporaryDirectory() as name, torch.no_grad():
        model = attach(stable_diffusion(Path(name)))
        labels = torch.rand(TARGETS, 512, 512)
        sums = {layer.name: Moments(layer.channels, TARGETS) for layer in model.layers}
        of_grid = {grid: cell_means(labels, grid).T[None] for grid in {x.grid for x in model.layers}}

        def add(record: StepRecord) -> None:
            for layer in model.layers:
                sums[layer.name].update(record.activations[layer.name]["conditional"], of_grid[layer.grid])

        times = interleaved(
            {
                "bare pipeline": lambda: _bare(model),
                "all layers watched": lambda: _denoise(model, lambda record: None),
                "moments of everything": lambda: _denoise(model, add),
            },
            repeats,
        )
    below = times["bare pipeline"]
    rows = [[of.name, f"{of.grid[0]} x {of.grid[1]}", of.channels] for of in model.layers]
    table(["layer", "grid", "channels"], rows)
    shown = [[name, min(of), ratio(of, below)] for name, of in times.items()]
    table(["one step, both branches", "least s", "over bare"], shown)
    table(["most memory, GB"], [[peak_gigabytes()]])
    watch, fit = (ratio(times[name], below) for name in ("all layers watched", "moments of everything"))
    return {"sd_watch_ratio": watch, "sd_fit_ratio": fit, "sd_peak_gb": peak_gigabytes()}


def _bare(model: Model) -> None:
    generator = torch.Generator("cpu").manual_seed(0)
    model.pipe(PROMPT, num_inference_steps=1, generator=[generator], output_type="latent")


def _denoise(model: Model, look: Any) -> None:
    model.denoise([PROMPT], [0], steps=1, watch=["self-attention"], on_step=look)


if __name__ == "__main__":
    typer.run(measure)
