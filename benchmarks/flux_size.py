"""What watching costs at the width of FLUX.2, two blocks deep.

`python -m benchmarks.flux_size`: a step of a pipeline of FLUX.2's kind with one double and one single block
of its own width (6,144 channels) and random weights, bare and with both layers watched, in turn.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
import typer

from benchmarks.timing import interleaved, ratio
from tests.pipeline.flows import flux_2
from underpainting.cli._screen import table
from underpainting.diffusion import attach

WIDTH = {
    "num_layers": 1,
    "num_single_layers": 1,
    "attention_head_dim": 128,
    "num_attention_heads": 48,
    "axes_dims_rope": (32, 32, 32, 32),
}


@torch.no_grad()
def measure(repeats: int = 3, side: int = 16) -> dict[str, float]:
    """Measure watch_ratio, of pictures of so many pixels a side, at two pixels a latent, and 32 of text."""
    with TemporaryDirectory() as folder:
        pipe = flux_2(Path(folder), text=32, **WIDTH)
    pipe.set_progress_bar_config(disable=True)
    model = attach(pipe).of_size(side, side)

    def bare() -> None:
        generator = [torch.Generator().manual_seed(1)]
        pipe(
            prompt=["a mug"],
            height=side,
            width=side,
            num_inference_steps=1,
            generator=generator,
            output_type="latent",
        )

    def watched() -> None:
        model.denoise(["a mug"], [1], steps=1, watch=model.layers, on_step=lambda record: None)

    times = interleaved({"bare pipeline": bare, "both layers watched": watched}, repeats)
    below = times["bare pipeline"]
    shown: list[list[object]] = [[name, median(of), min(of), ratio(of, below)] for name, of in times.items()]
    table(["one step", "median s", "least s", "over bare"], shown)
    return {"watch_ratio": ratio(times["both layers watched"], below)}


if __name__ == "__main__":
    typer.run(measure)
