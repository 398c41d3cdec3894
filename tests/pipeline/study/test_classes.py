"""Classes in a study: what a classifier sees, kept step by step, and class probes against scikit-learn."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.linear_model import Ridge

from tests.pipeline.study.conftest import LightEstimator, tiny_config
from underpainting.diffusion import StepRecord, load
from underpainting.errors import UnderpaintingError
from underpainting.observers.class_names import right_classes
from underpainting.records import CLASSIFICATION, read_table
from underpainting.study.batch import make_batch
from underpainting.study.damage import find_damage
from underpainting.study.environment import load_study, record_environment
from underpainting.study.kept.classes import load_class_probes
from underpainting.study.kept.gallery import filmed_rows
from underpainting.study.recorders import Pooled
from underpainting.study.request.config import StudyConfig
from underpainting.study.request.prompts import PromptRow
from underpainting.study.run import run_study
from underpainting.study.study import StudyFolder, create_study
from underpainting.study.trust import trust

NAMES = ("lemon", "mug", "car", "cone", "lamp", "house", "table")

CLASSIFIER = f"""
import torch

class Colours:
    name, fingerprint, classes = "colours", "1", {NAMES!r}

    def __call__(self, pictures):
        generator = torch.Generator().manual_seed(0)
        directions = torch.randn(3, len(self.classes), generator=generator)
        return (pictures.mean((2, 3)) @ directions * 40).softmax(1)
"""


@pytest.fixture(scope="module")
def config(pipeline_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> StudyConfig:
    folder = tmp_path_factory.mktemp("own")
    (folder / "classifier_of_colours.py").write_text(CLASSIFIER)
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(folder))
    trust(["classifier_of_colours:Colours"])
    tiny = tiny_config(pipeline_folder)
    labels = tiny.labels.model_copy(update={"classifier": "classifier_of_colours:Colours"})
    return tiny.model_copy(update={"labels": labels})


def rows() -> list[PromptRow]:
    """Fourteen pictures of twelve prompts, two of which name no class."""
    things = ["lemon", "mug", "lemon", "mug", "cloud", "lemon", "mug", "lemon", "mug", "lemon", "mug", "sea"]
    return [PromptRow(f"a {things[i % 12]} number {i % 12}", 100 + i, i % 12) for i in range(14)]


@pytest.fixture(scope="module")
def done(config: StudyConfig, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    study = create_study(tmp_path_factory.mktemp("classes") / "study", config, rows())
    run_study(study, estimator=LightEstimator())
    return study


def _split(study: StudyFolder, split: str) -> list[PromptRow]:
    return [row for row, of in zip(study.rows, study.splits, strict=True) if of == split]


def test_every_test_picture_is_classified_and_filmed_ones_at_every_step(done: StudyFolder) -> None:
    found = read_table(done.classification_file, CLASSIFICATION).to_pylist()
    finals = [row for row in found if row["picture"] == "final"]
    assert {row["image"] for row in finals} == {row.image for row in _split(done, "test")}
    assert {row["step"] for row in finals} == {0}
    stepped = [row for row in found if row["picture"] != "final"]
    assert {row["image"] for row in stepped} == {row.image for row in filmed_rows(done)}
    assert {(row["picture"], row["step"]) for row in stepped} == {
        (picture, step) for picture in ("noisy", "clean") for step in (1, 2, 3)
    }


def test_ranks_and_kept_classes_are_those_of_the_probabilities(done: StudyFolder) -> None:
    found = read_table(done.classification_file, CLASSIFICATION).to_pylist()
    pictures: dict[tuple[str, str, int], list[dict]] = {}
    for row in found:
        pictures.setdefault((row["image"], row["picture"], row["step"]), []).append(row)
    leaders: dict[str, set[str]] = {}
    for (image, _, _), of in pictures.items():
        assert [row["rank"] for row in of][:5] == [1, 2, 3, 4, 5]
        values = [row["probability"] for row in of]
        assert values == sorted(values, reverse=True) and sum(values) <= 1 + 1e-6
        leaders.setdefault(image, set()).add(of[0]["class"])
    for (image, _, _), of in pictures.items():
        right = {NAMES[i] for i in right_classes(of[0]["prompt"], NAMES)}
        kept = {row["class"] for row in of}
        assert leaders[image] | right <= kept
        assert {row["class"] for row in of if row["rank"] > 5} <= leaders[image] | right


def test_class_probes_are_ridge_regressions_of_pooled_activations(
    done: StudyFolder, config: StudyConfig
) -> None:
    loaded = load_study(config, load(config.model.name, device="cpu"), LightEstimator())
    made = {}
    for shard in done.shards:
        for batch in shard.batches:
            pooled = Pooled(loaded.places)

            def look(record: StepRecord, pooled: Pooled = pooled) -> None:
                pooled.look(record)

            make_batch(loaded, batch, config.model, look, lambda _: None)
            for i, row in enumerate(batch):
                made[row.image] = {name: x[i] for name, x in pooled.by_layer.items()}
    known = {row.image: right_classes(row.prompt, NAMES) for row in done.rows}
    fit = [row.image for row in _split(done, "fit") if known[row.image]]
    test = [row.image for row in _split(done, "test") if known[row.image]]
    table = pq.read_table(done.scores_file).to_pylist()
    scored = {
        (row["layer"], row["step"], row["branch"], row["image"]): row["value"]
        for row in table
        if row["property"] == "class"
    }
    assert len(scored) == len(test) * 4 * 3 * 2
    assert not {row["image"] for row in table if row["property"] == "class"} - set(test)
    probes = load_class_probes(done.controls_folder)
    assert probes is not None and probes.classes == (0, 1)
    for (layer, step, branch), probe in probes.probes.items():
        b = loaded.places.branches.index(branch)

        def x(images: list[str], layer: str = layer, step: int = step, b: int = b) -> np.ndarray:
            return torch.stack([made[i][layer][step - 1, b] for i in images]).double().numpy()

        y = np.eye(2)[[known[image][0] for image in fit]]
        own = x(fit)
        power = ((own - own.mean(0)) ** 2).sum() / own.shape[1]
        fits = [Ridge(alpha=strength * power).fit(own, y) for strength in config.probes.strengths]
        closest = [np.abs(of.coef_.T - probe.weight.numpy()).max() for of in fits]
        best = fits[int(np.argmin(closest))]
        assert np.allclose(best.coef_.T, probe.weight.numpy(), rtol=5e-3, atol=2e-3)
        assert np.allclose(best.intercept_, probe.bias.numpy(), rtol=5e-3, atol=5e-3)
        for image, read in zip(test, best.predict(x(test)), strict=True):
            if abs(read[0] - read[1]) > 1e-3:
                assert scored[layer, step, branch, image] == (read.argmax() == known[image][0])


def test_a_lost_classification_is_put_together_again(done: StudyFolder) -> None:
    before = done.classification_file.read_bytes(), done.scores_file.read_bytes()
    done.classification_file.unlink()
    assert [damage.path for damage in find_damage(done)] == [done.classification_file]
    run_study(done, estimator=LightEstimator())
    assert (done.classification_file.read_bytes(), done.scores_file.read_bytes()) == before


def test_another_classifier_is_refused(done: StudyFolder, config: StudyConfig) -> None:
    loaded = load_study(config, load(config.model.name, device="cpu"), LightEstimator())
    loaded.classifier.fingerprint = "2"
    with pytest.raises(UnderpaintingError, match="the classifier is not the one"):
        record_environment(done, loaded)
