"""Two controls added in this one file: they are named in the config, and their scores stand in the tables."""

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import average_precision_score
from torch.nn import Module
from torch.nn.functional import avg_pool2d

from tests.pipeline.study.conftest import LightEstimator, tiny_config, tiny_rows
from underpainting.controls import (
    Control,
    FinishedPicture,
    Maps,
    Setting,
    Source,
    StandIn,
    controls,
    register,
    sources,
)
from underpainting.controls.registry import Activations, Run
from underpainting.diffusion import StepRecord
from underpainting.errors import UnderpaintingError
from underpainting.study.request.config import StudyConfig, parse_config
from underpainting.study.run import run_study
from underpainting.study.study import StudyFolder, create_study
from underpainting.vocabulary import ProbeLayer

LAYERS, STEPS = ("up.1.2", "up.3.0"), 3


class Red(Control):
    """The finished picture's red channel, held against every property."""

    key, cost = "red", "nothing"
    threshold = 0.5
    sources = (Source("red", "red channel", "the red channel", has_layer=False, has_step=False),)

    def maps(self, picture: FinishedPicture) -> dict[str, Maps]:
        """One map for all properties."""
        red = picture.picture[None, ..., 0].float() / 255
        return {"red": {of.name: red for of in picture.properties}}


@dataclass(frozen=True)
class Blurred:
    """The latents before the step, blurred, on their own grid; one layer stands in for all."""

    source: str
    layers: tuple[ProbeLayer, ...]
    branches: tuple[str, ...]
    networks: Mapping[str, Module] = field(default_factory=dict)

    def batch(self, run: Run) -> Callable[[StepRecord], Activations]:
        """Each branch is given the same."""

        def activations(record: StepRecord) -> Activations:
            tokens = avg_pool2d(record.latents, 3, 1, 1).flatten(2).transpose(1, 2)
            return {"blurred": dict.fromkeys(self.branches, tokens)}

        return activations


class Blur(Control):
    """A probe of blurred latents."""

    key, cost = "blur", "nothing"
    sources = (Source("blur", "blurred latents", "a probe of blurred latents"),)

    def stand_ins(self, setting: Setting) -> Sequence[StandIn]:
        """One layer for all."""
        channels, height, width = setting.model.adapter.latents(setting.model.pipe, setting.model.size)
        layer = ProbeLayer("blurred", (height, width), channels)
        return (Blurred("blur", (layer,) * len(setting.watched), setting.branches),)


@pytest.fixture
def toys(own_registry: None) -> None:
    """Both are there, for a test."""
    register(Red())
    register(Blur())


@pytest.fixture
def study(toys: None, pipeline_folder: Path, tmp_path: Path) -> StudyFolder:
    """A study with the two controls and no other."""
    config = tiny_config(pipeline_folder)
    settings = config.model_dump(exclude_none=True)
    settings["watch"] = {"layers": LAYERS, "branches": ("conditional",)}
    settings["controls"] = {"use": ("red", "blur"), "share": 0}
    settings["run"] |= {"gallery": 0}
    study = create_study(tmp_path / "study", parse_config(settings, "settings"), tiny_rows())
    run_study(study, estimator=LightEstimator())
    return study


def _labels(study: StudyFolder, name: str) -> dict[str, np.ndarray]:
    return {image: label.double().numpy() for image, label in study.labels(name).items()}


def _split(study: StudyFolder, split: str) -> list[Any]:
    return [row for row, of in zip(study.rows, study.splits, strict=True) if of == split]


def test_toy_controls_are_scored_beside_the_probe(
    study: StudyFolder, session_pipeline: StableDiffusionPipeline
) -> None:
    table = pq.read_table(study.scores_file).to_pylist()
    assert {row["source"] for row in table} == {"probe", "shuffled", "position", "ceiling", "red", "blur"}
    names = ("source", "property", "metric", "image", "layer", "step", "branch")
    scores = {tuple(row[name] for name in names): row["value"] for row in table}
    assert tomllib.loads(study.config_file.read_text())["controls"]["use"] == ["red", "blur"]

    test = _split(study, "test")
    for row in test:
        shard = next(shard for shard in study.of_split("test") if row in shard.pictures)
        picture = study.shard_folder(shard.number) / "images" / f"{row.image}.png"
        red = np.asarray(Image.open(picture))[..., 0].ravel() / 255
        at = (row.image, "", 0, "")
        for name in ("depth", "shading"):
            label = _labels(study, name)[row.image].ravel()
            assert scores["red", name, "spearman", *at] == pytest.approx(spearmanr(red, label)[0], abs=1e-6)
            assert scores["red", name, "pearson", *at] == pytest.approx(pearsonr(red, label)[0], abs=1e-5)
        mask = _labels(study, "saliency")[row.image].ravel()
        precision = average_precision_score(mask, red)
        assert scores["red", "saliency", "average_precision", *at] == pytest.approx(precision)
        dice = 2 * ((red > 0.5) * mask).sum() / ((red > 0.5).sum() + mask.sum())
        assert scores["red", "saliency", "dice", *at] == pytest.approx(dice)

    blurred = {row.image: _last_latents(session_pipeline, row) for row in study.rows}
    labels = _labels(study, "shading")
    cells = {image: label.reshape(16, 2, 16, 2).mean((1, 3)).ravel() for image, label in labels.items()}
    fit = [row.image for row in _split(study, "fit")]
    x = np.concatenate([blurred[image] for image in fit])
    y = np.concatenate([cells[image] for image in fit])
    strength = float(_card(study)["strength"])
    centred = x - x.mean(0)
    penalty = np.sqrt(strength * len(x) * centred.var(0).mean()) * np.eye(4)
    wanted = np.concatenate([y - y.mean(), np.zeros(4)])
    weight = np.linalg.lstsq(np.concatenate([centred, penalty]), wanted, rcond=None)[0]
    for row in test:
        read = np.kron((blurred[row.image] @ weight).reshape(16, 16), np.ones((2, 2)))
        expected = pearsonr(read.ravel(), labels[row.image].ravel())[0]
        for layer in LAYERS:  # the one that stands in is in the name of both
            found = scores["blur", "shading", "pearson", row.image, layer, STEPS, "conditional"]
            assert found == pytest.approx(expected, abs=1e-3)


def test_toy_controls_can_be_asked_for_and_are_not_used_unless_they_are(toys: None) -> None:
    assert "red" not in StudyConfig().controls.use
    assert parse_config({"controls": {"use": ["red"]}}, "settings").controls.use == ("red",)
    with pytest.raises(UnderpaintingError, match="no control 'rad'; did you mean 'red'"):
        parse_config({"controls": {"use": ["rad"]}}, "settings")


def test_toy_controls_are_gone_without_this_tests_fixture() -> None:
    assert not {"red", "blur"} & (controls().keys() | sources().keys())


def _card(study: StudyFolder) -> dict[str, Any]:
    card = json.loads((study.controls_folder / "stand-ins" / "card.json").read_text())
    found: dict[str, Any] = card["probes"][f"shading/blurred/{STEPS}/conditional"]
    return found


def _last_latents(pipe: StableDiffusionPipeline, row: Any) -> np.ndarray:
    """The latents before the last step, blurred: [token, channel]."""
    kept: list[torch.Tensor] = []

    def keep(pipe: Any, step: int, timestep: Any, given: dict[str, Any]) -> dict[str, Any]:
        kept.append(given["latents"].detach().clone())
        return given

    pipe(
        row.prompt,
        num_inference_steps=STEPS,
        guidance_scale=7.5,
        generator=torch.Generator().manual_seed(row.seed),
        output_type="latent",
        callback_on_step_end=keep,
    )
    return avg_pool2d(kept[-2], 3, 1, 1)[0].flatten(1).T.double().numpy()
