"""What `variance` says of a model whose seed decides nothing: a study's own, with one noise for all seeds.

``python -m benchmarks.fixed_noise demo`` prints a line a quantity; it takes a study of a pipeline like Stable
Diffusion's, such as the demo's, and adds nothing to it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from diffusers import StableDiffusionPipeline

from underpainting.diffusion import attach
from underpainting.findings.variance import sentences, variances
from underpainting.seeds.layout import QUANTITIES
from underpainting.seeds.variance import design, measure
from underpainting.study.environment import Loaded, reload
from underpainting.study.schedule import in_batches
from underpainting.study.study import open_study


class FixedNoise(StableDiffusionPipeline):
    """A pipeline that begins every picture with the same noise, whatever its seed."""

    def prepare_latents(self, batch: int, *args: Any, **kwargs: Any) -> torch.Tensor:
        """The noise of seed 0 for every picture of a batch."""
        same = [torch.Generator().manual_seed(0) if isinstance(of, list) else of for of in args]
        one: torch.Tensor = super().prepare_latents(1, *same, **kwargs)
        return one.repeat(batch, 1, 1, 1)


def fixed(loaded: Loaded) -> Loaded:
    """The same with a model whose noise is fixed."""
    pipe = FixedNoise(**loaded.model.pipe.components, requires_safety_checker=False)
    return replace(loaded, model=attach(pipe))


def main(
    study: Annotated[Path, typer.Argument(help="Folder of a study that is done.")],
    prompts: int = 6,
    seeds: int = 6,
) -> None:
    """Print what decides each quantity of finished pictures."""
    opened = open_study(study)
    loaded = fixed(reload(opened))
    rows = design(opened, prompts, seeds)
    tables = [
        measure(opened, loaded, opened.probes, batch)
        for batch in in_batches(rows, opened.config.run.batch_size)
    ]
    for line in sentences(variances(tables, QUANTITIES), QUANTITIES):
        print(line)


if __name__ == "__main__":
    typer.run(main)
