"""What watching and fitting cost on a GPU at the sizes of Stable Diffusion v1.4 and SDXL, in half precision.

`python -m benchmarks.gpu`: random weights; a batch of pictures' latents by the bare pipeline, with all
self-attention layers watched, and with the moments of three properties and their shuffled twins added up in
every layer, in turn; with pictures a second and the most memory of each. Then the rate at which moments are
added up, beside the same card's rate of a large matrix product in float32. Needs CUDA and about 24 GB of its
memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
import typer
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, PreTrainedModel

from benchmarks.moments import share_of_peak
from benchmarks.sd_size import PROMPT, TARGETS, stable_diffusion
from benchmarks.timing import interleaved, ratio
from benchmarks.tiny import tiny_tokenizer
from underpainting.cli._screen import table
from underpainting.diffusion import Model, StepRecord, attach
from underpainting.probes import Moments, cell_means
from underpainting.screen import quiet_libraries

BATCH, STEPS = 4, 10
TOKENS, CHANNELS = 1 << 16, 1280  # of the moments whose rate is measured
SIDE = 8192  # of the matrix product beside them


def stable_diffusion_xl(folder: Path) -> StableDiffusionXLPipeline:
    """SDXL with random weights; its tokenizer, which is small, is kept in a folder."""
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer(folder)
    first: dict[str, Any] = {"hidden_size": 768, "intermediate_size": 3072, "projection_dim": 768}
    first |= {"num_hidden_layers": 12, "num_attention_heads": 12, "hidden_act": "quick_gelu"}
    second: dict[str, Any] = {"hidden_size": 1280, "intermediate_size": 5120, "projection_dim": 1280}
    second |= {"num_hidden_layers": 32, "num_attention_heads": 20, "hidden_act": "gelu"}
    unet = UNet2DConditionModel(
        sample_size=128,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(320, 640, 1280),
        transformer_layers_per_block=(1, 2, 10),
        attention_head_dim=(5, 10, 20),
        cross_attention_dim=2048,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=1280 + 6 * 256,
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        sample_size=1024,
    )
    pipe = StableDiffusionXLPipeline(
        vae=vae.eval(),
        text_encoder=CLIPTextModel(CLIPTextConfig(vocab_size=49408, **first)).eval(),
        text_encoder_2=CLIPTextModelWithProjection(CLIPTextConfig(vocab_size=49408, **second)).eval(),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet.eval(),
        scheduler=EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def measure(repeats: int = 3) -> dict[str, float]:
    """Measure gpu_sd_* and gpu_sdxl_* (ratios over the bare pipeline, its pictures a second, and the most
    memory with moments, in GB), and gpu_moments_share_of_peak.
    """
    if not torch.cuda.is_available():
        raise SystemExit("benchmarks.gpu needs CUDA, which is not here")
    quiet_libraries()
    where, rows, found = torch.device("cuda"), [], {}
    models = {"v1.4": ("sd", stable_diffusion), "SDXL": ("sdxl", stable_diffusion_xl)}
    for title, (key, build) in models.items():
        with TemporaryDirectory() as folder, torch.no_grad():
            with unfilled():
                pipe = build(Path(folder))
            model = attach(filled(pipe.to(where, torch.float16)))
            bare, watched, fitted = taken = costs(model, repeats)
            rows += [[title, *dataclasses.astuple(cost)] for cost in taken]
            found |= {
                f"gpu_{key}_watch_ratio": watched.over_bare,
                f"gpu_{key}_fit_ratio": fitted.over_bare,
                f"gpu_{key}_pictures_per_second": bare.pictures_per_second,
                f"gpu_{key}_peak_gb": fitted.most_gb,
            }
        del model, pipe
        torch.cuda.empty_cache()
    table(
        ["model", f"{BATCH} pictures, {STEPS} steps", "least s", "pictures/s", "over bare", "most GB"],
        rows,
        keys=2,
    )
    share = share_of_peak(where, repeats, TOKENS, CHANNELS, SIDE, lambda: torch.cuda.synchronize(where))
    return found | {"gpu_moments_share_of_peak": share}


@contextmanager
def unfilled() -> Iterator[None]:
    """Networks built inside are in float16 from the start, and nothing is drawn for their weights yet."""
    before = torch.get_default_dtype()
    kinds = (nn.Linear, nn.Conv2d, nn.Embedding)
    with ExitStack() as stack:
        for kind in kinds:
            stack.enter_context(patch.object(kind, "reset_parameters", lambda module: None))
        stack.enter_context(patch.object(PreTrainedModel, "init_weights", lambda model: None))
        stack.callback(torch.set_default_dtype, before)
        torch.set_default_dtype(torch.float16)
        yield


def filled(pipe: Any) -> Any:
    """The pipeline with random weights, drawn where its networks are: a GPU draws billions in a second."""
    for network in pipe.components.values():
        for module in network.modules() if isinstance(network, nn.Module) else ():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
    return pipe


@dataclass(frozen=True)
class Cost:
    """What a way of making pictures takes: its least seconds, and the most memory, in GB."""

    name: str
    least: float
    pictures_per_second: float
    over_bare: float
    most_gb: float


def costs(model: Model, repeats: int, batch: int = BATCH, steps: int = STEPS) -> list[Cost]:
    """Of the bare pipeline, of watching all layers, and of adding up moments as well."""
    where = model.pipe.unet.device
    labels = torch.rand(batch, TARGETS, *model.size, device=where)
    sums = {layer.name: Moments(layer.channels, TARGETS, device=where) for layer in model.layers}
    grids = {layer.grid for layer in model.layers}
    of_grid = {grid: torch.stack([cell_means(label, grid).T for label in labels]).to(where) for grid in grids}

    def add(record: StepRecord) -> None:
        for layer in model.layers:
            sums[layer.name].update(record.activations[layer.name]["conditional"], of_grid[layer.grid])

    prompts, seeds = [PROMPT] * batch, list(range(batch))

    def bare() -> None:
        model.pipe(
            prompts,
            num_inference_steps=steps,
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
            output_type="latent",
        )

    def denoise(look: Callable[[StepRecord], None]) -> Callable[[], None]:
        return lambda: (
            model.denoise(prompts, seeds, steps=steps, watch=["self-attention"], on_step=look) and None
        )

    jobs = {
        "bare pipeline": bare,
        "all layers watched": denoise(lambda record: None),
        "moments of everything": denoise(add),
    }
    peaks: dict[str, float] = {}
    times = interleaved({name: done(job, where, peaks, name) for name, job in jobs.items()}, repeats)
    below = times["bare pipeline"]
    return [
        Cost(name, min(taken), batch / min(taken), ratio(taken, below), peaks[name])
        for name, taken in times.items()
    ]


def done(
    job: Callable[[], object], where: torch.device, peaks: dict[str, float], name: str
) -> Callable[[], None]:
    """The job until the device is done with it; the most memory it took, in GB, is kept under its name."""

    def run() -> None:
        if where.type == "cuda":
            torch.cuda.reset_peak_memory_stats(where)
        job()
        if where.type == "cuda":
            torch.cuda.synchronize(where)
            peaks[name] = max(peaks.get(name, 0.0), torch.cuda.max_memory_allocated(where) / 1e9)
        else:
            peaks[name] = float("nan")

    return run


if __name__ == "__main__":
    typer.run(measure)
