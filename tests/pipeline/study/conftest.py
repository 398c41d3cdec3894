"""Tiny studies: a random pipeline on disk, an estimator of what is truly in its pictures, a few prompts."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline

from underpainting.intervention.painter import Painter, set_up
from underpainting.progress import Progress
from underpainting.study.environment import reload
from underpainting.study.request.config import StudyConfig, parse_config
from underpainting.study.request.prompts import PromptRow
from underpainting.study.run import run_study
from underpainting.study.study import StudyFolder, create_study, open_study
from underpainting.study.trust import trust


class LightEstimator:
    """Labels that any picture has: where it is reddest, blurred light with a slope, and light."""

    properties = ("saliency", "depth", "shading")
    name = "light"
    fingerprint = "0"

    def __call__(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """Compute all three from pictures [picture, 3, height, width] in 0..1."""
        red, light = pictures[:, 0], pictures.mean(1)
        blurred = torch.nn.functional.avg_pool2d(light[:, None], 5, stride=1, padding=2)[:, 0]
        slope = torch.linspace(0, 0.2, pictures.shape[-2])[None, :, None]
        middle = red.flatten(1).quantile(0.7, dim=1)[:, None, None]
        return {"saliency": (red > middle).float(), "depth": blurred + slope, "shading": light}


@pytest.fixture(scope="session")
def pipeline_folder(
    session_pipeline: StableDiffusionPipeline, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The tiny pipeline as save_pretrained writes it."""
    folder = tmp_path_factory.mktemp("pipelines") / "tiny"
    session_pipeline.save_pretrained(folder)
    return folder


class Notes(Progress):
    """Keeps the lines that are worth reading."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


def tiny_rows() -> list[PromptRow]:
    """Fourteen pictures of ten prompts."""
    return [PromptRow(f"a thing number {i % 10}", 100 + i, i % 10) for i in range(14)]


def tiny_config(pipeline: Path) -> StudyConfig:
    """Three steps, four layers on three grids, both branches, batches of two, shards of four."""
    settings = {
        "model": {"name": str(pipeline), "steps": 3},
        "split": {"fit": 0.5, "calibrate": 0.2, "test": 0.3},
        "watch": {
            "layers": ["down.0.0", "mid.0", "up.1.2", "up.3.0"],
            "branches": ["conditional", "unconditional"],
        },
        "probes": {"strengths": [1e-3, 1e-1]},
        "run": {"batch_size": 2, "shard_size": 4, "device": "cpu", "gallery": 2},
    }
    return parse_config(settings, "settings")


@pytest.fixture
def new_study(tmp_path: Path, pipeline_folder: Path) -> Callable[[str], StudyFolder]:
    """Make the same study anew under a name."""

    def make(name: str) -> StudyFolder:
        return create_study(tmp_path / name, tiny_config(pipeline_folder), tiny_rows())

    return make


@pytest.fixture
def estimator() -> LightEstimator:
    """The estimator of what is truly in the pictures."""
    return LightEstimator()


@pytest.fixture(scope="session")
def finished(pipeline_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A study run from end to end without a break."""
    made = create_study(
        tmp_path_factory.mktemp("studies") / "whole", tiny_config(pipeline_folder), tiny_rows()
    )
    run_study(made, estimator=LightEstimator())
    return made


ESTIMATOR = """
class Light:
    properties = ("saliency", "depth", "shading")
    name, fingerprint = "light", "1"

    def __call__(self, pictures):
        light = pictures.mean(1)
        middle = light.flatten(1).median(dim=1).values[:, None, None]
        return {"saliency": (light > middle).float(), "depth": light + pictures[:, 0], "shading": light}
"""


@pytest.fixture(scope="session")
def acted_on(pipeline_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudyFolder]:
    """A study run once, by an estimator that can be imported while these tests run."""
    folder = tmp_path_factory.mktemp("acting")
    (folder / "estimator_of_acting.py").write_text(ESTIMATOR)
    config = tiny_config(pipeline_folder)
    labels = config.labels.model_copy(update={"estimator": "estimator_of_acting:Light"})
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        trust([labels.estimator])
        study = create_study(folder / "study", config.model_copy(update={"labels": labels}), tiny_rows())
        run_study(study)
        yield study


@pytest.fixture
def done(acted_on: StudyFolder, tmp_path: Path) -> StudyFolder:
    """A copy of it that a test may add to."""
    shutil.copytree(acted_on.folder, tmp_path / "study")
    return open_study(tmp_path / "study")


@pytest.fixture
def painter(done: StudyFolder) -> Painter:
    """What paints its pictures."""
    return set_up(done, reload(done))


@pytest.fixture
def named_study(
    tmp_path: Path, pipeline_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], StudyFolder]:
    """Make the same study anew under a name, its estimator named too, so that any process can load it."""
    (tmp_path / "estimator_of_light.py").write_text(ESTIMATOR)
    monkeypatch.syspath_prepend(str(tmp_path))
    config = tiny_config(pipeline_folder)
    labels = config.labels.model_copy(update={"estimator": "estimator_of_light:Light"})

    def make(name: str) -> StudyFolder:
        trust([labels.estimator])
        return create_study(tmp_path / name, config.model_copy(update={"labels": labels}), tiny_rows())

    return make
