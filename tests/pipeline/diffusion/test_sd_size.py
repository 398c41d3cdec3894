"""Stable Diffusion v1.4's exact architecture, random weights, at its own size."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.sd_size import stable_diffusion
from underpainting.diffusion import StepRecord, attach

SIDES = {0: (64, 320), 1: (32, 640), 2: (16, 1280)}
TABLE_1 = {
    **{f"down.{block}.{i}": SIDES[block] for block in range(3) for i in range(2)},
    "mid.0": (8, 1280),
    **{f"up.{block}.{i}": SIDES[3 - block] for block in (1, 2, 3) for i in range(3)},
}


@pytest.mark.slow
def test_the_sixteen_layers_of_stable_diffusion(tmp_path: Path) -> None:
    model = attach(stable_diffusion(tmp_path))
    assert sum(of.numel() for of in model.pipe.unet.parameters()) == 859_520_964
    assert {x.name: (x.grid[0], x.channels) for x in model.layers} == TABLE_1
    assert model.size == (512, 512)
    seen: list[StepRecord] = []
    model.denoise(
        ["an astronaut"],
        [0],
        steps=1,
        watch=["up_blocks.3.attentions.0.transformer_blocks.0.attn1.to_out.0", "mid.0"],
        branches=("unconditional", "conditional"),
        on_step=seen.append,
    )
    both = torch.cat([seen[0].activations["up.3.0"][branch] for branch in model.stacking(7.5).branches])
    assert both.shape == (2, 4096, 320)
    assert seen[0].activations["mid.0"]["conditional"].shape == (1, 64, 1280)


@pytest.mark.slow
def test_it_is_watched_within_twelve_gigabytes() -> None:
    code = "from benchmarks.sd_size import measure; print(measure(1)['sd_peak_gb'])"
    run = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    assert float(run.stdout.split()[-1]) < 12
