"""The network that reads latents, in a study: against the latents of the bare pipeline."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from diffusers import StableDiffusionPipeline
from scipy.stats import spearmanr

from tests.pipeline.study.conftest import tiny_config, tiny_rows
from underpainting.controls import defaults
from underpainting.controls import network as module
from underpainting.controls.network import load_reader
from underpainting.study.environment import load_study
from underpainting.study.estimate import estimate
from underpainting.study.request.config import ControlsConfig
from underpainting.study.run import run_study
from underpainting.study.study import create_study


def test_the_network_reads_what_the_step_has(
    pipeline_folder: Path,
    session_pipeline: StableDiffusionPipeline,
    estimator: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "UPDATES", 30)
    use = (*defaults(), "network", "permuted", "permuted-own", "prompt")
    config = tiny_config(pipeline_folder).model_copy(update={"controls": ControlsConfig(use=use, share=0)})
    study = create_study(tmp_path / "study", config, tiny_rows())
    cost = estimate(study, load_study(config, estimator=estimator))
    assert cost.seconds is not None and cost.seconds > 0  # the twins were shown what they are to be shown
    run_study(study, estimator=estimator)
    table = pq.read_table(study.scores_file).to_pylist()
    scores = {(r["image"], r["source"], r["property"], r["metric"], r["step"]): r["value"] for r in table}
    reader = load_reader(study.controls_folder / "network-noisy.safetensors")
    test = [row for row, split in zip(study.rows, study.splits, strict=True) if split == "test"]
    for row in test[:2]:
        latents: list[torch.Tensor] = []

        def keep(
            pipe: Any, step: int, time: Any, kept: dict[str, Any], latents: Any = latents
        ) -> dict[str, Any]:
            latents.append(kept["latents"].clone())
            return kept

        picture = session_pipeline(
            row.prompt,
            num_inference_steps=3,
            generator=torch.Generator().manual_seed(row.seed),
            callback_on_step_end=keep,
            output_type="pt",
        ).images
        sigma = session_pipeline.scheduler.sigmas[2]
        with torch.no_grad():
            read = reader(latents[1] / (1 + sigma**2).sqrt(), torch.ones(1))[0].numpy()
        labels = estimator((picture * 255).round() / 255)
        for k, name in enumerate(("saliency", "depth", "shading")):
            if name != "saliency":
                enlarged = np.kron(read[k], np.ones((2, 2)))
                wanted = spearmanr(enlarged.ravel(), labels[name][0].numpy().ravel())[0]
                found = scores[row.image, "network:noisy", name, "spearman", 3]
                assert found == pytest.approx(wanted, abs=5e-3)
        assert (row.image, "network:clean", "saliency", "dice", 1) in scores
    told = [r for r in table if r["source"] == "prompt"]
    assert {(r["layer"], r["step"], r["branch"]) for r in told} == {("", 0, "")}
    assert {r["image"] for r in told} == {row.image for row in test}
    twin = [r for r in table if r["source"] == "permuted"]
    assert {r["layer"] for r in twin} == {"down.0.0", "mid.0", "up.1.2", "up.3.0"}
    of = {
        (r["layer"], r["step"], r["branch"], r["image"], r["metric"], r["property"]): r["value"] for r in twin
    }
    probes = {
        (r["layer"], r["step"], r["branch"], r["image"], r["metric"], r["property"]): r["value"]
        for r in table
        if r["source"] == "probe"
    }
    assert of.keys() == probes.keys() and of != probes
    own = [r for r in table if r["source"] == "permuted-own"]
    alone = {
        (r["layer"], r["step"], r["branch"], r["image"], r["metric"], r["property"]): r["value"] for r in own
    }
    assert alone.keys() == of.keys()
    for key, value in alone.items():  # both begin with the same noise, and then part
        if key[1] == 1 and key[4] != "dice":  # whose thresholds are chosen over steps
            assert np.isclose(value, of[key], atol=1e-3, equal_nan=True)
    assert any(abs(alone[key] - of[key]) > 1e-2 for key in alone if key[1] == 3)
