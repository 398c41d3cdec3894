"""The still life on a GPU: watched as bare, edited, offloaded, and studied as on the CPU."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor

from underpainting import load, workflow
from underpainting.diffusion import Evaluation, Model, StepRecord, attach
from underpainting.study.request.config import (
    ControlsConfig,
    ModelConfig,
    PromptsConfig,
    RunConfig,
    StudyConfig,
)
from underpainting.study.study import StudyFolder

PROMPTS, SEEDS, STEPS = ["a blue mug", "an orange armchair"], [3, 11], 6
PICTURES = 24
KEYS = ["property", "layer", "step", "branch", "source", "metric"]


def bare(model: Model) -> Tensor:
    """Latents of the pipeline's own call."""
    result: Tensor = model.pipe(
        PROMPTS,
        num_inference_steps=STEPS,
        guidance_scale=7.5,
        generator=[torch.Generator("cpu").manual_seed(seed) for seed in SEEDS],
        output_type="latent",
    ).images
    return result


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_watched_unwatched_and_bare_are_bit_equal(device: torch.device, dtype: torch.dtype) -> None:
    model = load("stilllife", device=device, torch_dtype=dtype)
    records: list[StepRecord] = []
    watched = model.denoise(
        PROMPTS, SEEDS, steps=STEPS, watch=["self-attention"], on_step=records.append
    ).latents
    expected = bare(model)
    assert expected.device.type == device.type and expected.dtype == dtype and expected.std() > 0
    assert torch.equal(watched, expected)
    assert torch.equal(model.denoise(PROMPTS, SEEDS, steps=STEPS).latents, expected)
    kept = records[-1].activations["up.3.0"]["conditional"]
    assert len(records) == STEPS and kept.device.type == device.type and kept.dtype == dtype


def test_an_edit_does_what_it_does_on_the_cpu(device: torch.device) -> None:
    def edit(layer: str, evaluation: Evaluation, activations: Tensor) -> Tensor:
        return activations * 1.2 if evaluation.step <= 3 else activations

    options = {"steps": STEPS, "watch": ["up.3.0", "up.2.1"]}
    there, here = (load("stilllife", device=where) for where in (device, "cpu"))
    edited = [m.denoise(PROMPTS, SEEDS, edit=edit, **options).latents.cpu() for m in (there, here)]
    plain = there.denoise(PROMPTS, SEEDS, **options).latents.cpu()
    changed = float((edited[1] - plain).square().mean().sqrt())
    apart = float((edited[0] - edited[1]).square().mean().sqrt())
    assert changed > 0.05 and apart < 0.1 * changed


def test_an_offloaded_model_is_watched_as_one_that_is_not(device: torch.device) -> None:
    whole, parts = (load("stilllife", device=where) for where in (device, "cpu"))
    expected = whole.denoise(PROMPTS, SEEDS, steps=STEPS).latents
    parts.pipe.enable_model_cpu_offload(device=device)
    offloaded = attach(parts.pipe)
    seen: list[StepRecord] = []
    latents = offloaded.denoise(PROMPTS, SEEDS, steps=STEPS, watch=["up.3.0"], on_step=seen.append).latents
    assert torch.equal(latents, expected) and len(seen) == STEPS
    assert torch.equal(latents, bare(offloaded))


def study(folder: Path, device: str, workers: int = 1) -> StudyFolder:
    """A small study of the still life."""
    config = StudyConfig(
        prompts=PromptsConfig(file="stilllife", limit=PICTURES),
        model=ModelConfig(guidance_scale=3.0),
        controls=ControlsConfig(share=0),
        run=RunConfig(device=device, gallery=0, shard_size=4, batch_size=4),
    )
    made = workflow.init(folder, config)
    workflow.run(made.folder, workers=workers)
    return made


def mean_scores(made: StudyFolder) -> dict[tuple[str, ...], float]:
    """The mean over test pictures of every score."""
    table = pq.read_table(made.scores_file).group_by(KEYS).aggregate([("value", "mean")]).to_pylist()
    return {tuple(str(row[key]) for key in KEYS): row["value_mean"] for row in table}


def test_a_study_on_the_gpu_says_what_one_on_the_cpu_says(device: torch.device, tmp_path: Path) -> None:
    there = mean_scores(study(tmp_path / "there", device.type))
    here = mean_scores(study(tmp_path / "here", "cpu"))
    assert set(there) == set(here) and len(there) > 100
    apart = np.array([abs(there[key] - here[key]) for key in there])
    apart = apart[np.isfinite(apart)]
    assert np.median(apart) < 0.005 and np.quantile(apart, 0.95) < 0.03


def test_workers_on_one_gpu_make_the_tables_of_one_process(device: torch.device, tmp_path: Path) -> None:
    alone, together = (
        mean_scores(study(tmp_path / str(workers), device.type, workers)) for workers in (1, 2)
    )
    assert set(alone) == set(together)
    for key, value in alone.items():
        assert together[key] == pytest.approx(value, abs=1e-3, nan_ok=True), key
