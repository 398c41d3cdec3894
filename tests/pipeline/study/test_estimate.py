"""What a study costs: on a GPU that is stood in for, and by configurations alone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.command import call
from tests.pipeline.study.conftest import LightEstimator, tiny_config, tiny_rows
from underpainting.study import estimate as module
from underpainting.study.environment import load_study
from underpainting.study.estimate import estimate
from underpainting.study.memory import Memory
from underpainting.study.request.config import LabelsConfig
from underpainting.study.study import StudyFolder, create_study

MB = 1_000_000


def test_what_a_gpu_holds_is_measured_on_two_pictures(
    new_study: Callable[[str], StudyFolder], estimator: LightEstimator, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = new_study("study")
    monkeypatch.setattr(module, "room", lambda device: Memory(300 * MB, 10_000 * MB))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 200 * MB)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 280 * MB)
    cost = estimate(study, load_study(study.config, estimator=estimator))
    largest = max(len(batch) for shard in study.shards for batch in shard.batches)
    assert cost.gpu_there == 300 * MB
    assert cost.gpu_bytes == 200 * MB + largest * 40 * MB  # what two took, for each of a batch
    assert cost.host_bytes < 100 * MB
    by_count = estimate(study, load_study(study.config, estimator=estimator), measure_time=False)
    assert by_count.gpu_bytes is not None and by_count.gpu_bytes < 200 * MB
    assert by_count.memory_advice is None


def test_it_is_told_by_configurations_alone(
    pipeline_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `--no-time` tells where neither the model's weights nor the estimator's are here."""
    plain = tiny_config(pipeline_folder)
    stated = LabelsConfig(estimator="tracer,midas,intrinsic", classifier="vgg16")
    twins = plain.controls.model_copy(update={"use": (*plain.controls.use, "permuted", "words")})
    model = plain.model.model_copy(update={"negative_prompt": "a cup"})
    config = plain.model_copy(update={"labels": stated, "controls": twins, "model": model})
    bare = tmp_path / "bare"
    create_study(tmp_path / "study", config, tiny_rows())
    (tmp_path / "study" / "study.toml").write_text(
        (tmp_path / "study" / "study.toml").read_text().replace(str(pipeline_folder), str(bare))
    )
    for file in pipeline_folder.rglob("*"):
        if file.is_file() and file.suffix != ".safetensors":
            (bare / file.relative_to(pipeline_folder)).parent.mkdir(parents=True, exist_ok=True)
            (bare / file.relative_to(pipeline_folder)).write_bytes(file.read_bytes())
    assert call("estimate", tmp_path / "study", "--no-time", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    whole = plain.model_copy(
        update={"controls": plain.controls.model_copy(update={"use": (*plain.controls.use, "permuted")})}
    )
    study = create_study(tmp_path / "whole", whole, tiny_rows())
    cost = estimate(study, load_study(whole, estimator=LightEstimator()), measure_time=False)
    same = ("probes", "totals_bytes", "moments_bytes", "model_bytes", "evaluations", "gpu_bytes")
    assert {name: told[name] for name in same} == {name: getattr(cost, name) for name in same}
    assert told["seconds"] is None and told["prompts_cut"] == 0
    assert told["evaluations"] == 2 * plain.model.steps * told["pictures"]  # of the model, and permuted

    assert call("estimate", tmp_path / "study", "--no-time") == 0
    rows = capsys.readouterr().out
    assert "written in all" in rows and "not measured" in rows and "of them moments" in rows
    assert call("estimate", tmp_path / "study") == 2
    assert "is not here" in capsys.readouterr().err


def test_layers_need_no_weights(
    pipeline_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in pipeline_folder.rglob("*"):
        if file.is_file() and file.suffix != ".safetensors":
            (tmp_path / file.relative_to(pipeline_folder)).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file.relative_to(pipeline_folder)).write_bytes(file.read_bytes())
    listed = []
    for folder in (pipeline_folder, tmp_path):
        assert call("layers", folder, "--json") == 0
        listed.append(json.loads(capsys.readouterr().out))
    assert listed[0] == listed[1] and len(listed[0]) == 16
