"""A study from Python and one of the command line, byte for byte; prompts, labels, models of one's own."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from PIL import Image

from benchmarks.faults import contents
from tests.pipeline.study.conftest import ESTIMATOR, LightEstimator
from underpainting import Study, UnderpaintingError, attach, load
from underpainting.cli import main
from underpainting.progress import Progress
from underpainting.study.study import open_study

PROMPTS = [(f"thing {i % 5}", 40 + i) for i in range(8)]
LAYERS = ["mid.0", "up.3.0"]


def settings(pipeline: Path, **others: Any) -> dict[str, Any]:
    """A study of two steps and two layers, on the CPU."""
    small = {"steps": 2, "layers": LAYERS, "batch_size": 4, "gallery": 1, "device": "cpu"}
    return {"model": pipeline, "estimator": "estimator_of_light:Light", **small, **others}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with prompts and an estimator, to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "estimator_of_light.py").write_text(ESTIMATOR)
    (tmp_path / "prompts.csv").write_text("prompt,seed\n" + "".join(f"{p},{s}\n" for p, s in PROMPTS))


@pytest.fixture(scope="module")
def made(pipeline_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of an estimator that is given as an object, run."""
    given = settings(pipeline_folder, estimator=LightEstimator())
    study = Study.create(tmp_path_factory.mktemp("python") / "study", prompts=PROMPTS, **given)
    return study.run(progress=False)


def differing(one: Path, other: Path) -> list[str]:
    """Files that differ, or are in one of two folders alone."""
    mine, its = contents(one), contents(other)
    return [name for name in sorted({*mine, *its}) if mine.get(name) != its.get(name)]


def test_it_is_the_command_lines_study(
    pipeline_folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    study = Study.create("python", prompts="prompts.csv", **settings(pipeline_folder))
    assert study.run() is study
    assert "underpainting: test pictures" in capsys.readouterr().err
    options = ("--prompts", "prompts.csv", "--model", str(pipeline_folder), "--steps", "2", "--device", "cpu")
    own = ("--estimator", "estimator_of_light:Light", "--layers", ",".join(LAYERS))
    for arguments in (
        ("init", "shell", *options, *own, "--set", "run.batch_size=4", "--set", "run.gallery=1"),
        ("run", "shell"),
    ):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 0
    assert [name for name in differing(Path("python"), Path("shell")) if "report" not in name] == []


def test_prompts_in_python_are_those_of_a_file(pipeline_folder: Path) -> None:
    given = settings(pipeline_folder)
    frame = pd.DataFrame(PROMPTS, columns=["prompt", "seed"])
    file = Study.create("file", prompts="prompts.csv", **given)
    assert Study.create("pairs", prompts=PROMPTS, **given).rows == file.rows
    assert Study.create("frame", prompts=frame, **given).rows == file.rows
    alone = Study.create("alone", prompts=[prompt for prompt, _ in PROMPTS], **given)
    assert [row.seed for row in alone.rows] == list(range(8))
    tests = [(f"test {prompt}", seed) for prompt, seed in PROMPTS[5:]]
    apart = Study.create("apart", prompts=PROMPTS[:5], test_prompts=tests, **given)
    assert [(row.prompt, row.seed) for row in apart.rows] == PROMPTS[:5] + tests
    assert apart.splits[5:] == ("test",) * 3 and "test" not in apart.splits[:5]
    for prompts, line in (
        (["a", "  "], "row 2: the prompt is empty"),
        ([("a", 1), ("b", -1)], "row 2: seed -1 is not"),
        ([("a", 1), ("a", 1)], "already on row 1"),
        ([("a", 1, 2, 3)], "is no prompt and no"),
        (frame.rename(columns={"prompt": "text"}), "needs columns prompt"),
        ([], "hold no row"),
        (3, "give a file, a list"),
    ):
        with pytest.raises(UnderpaintingError, match=line):
            Study.create("wrong", prompts=prompts, **given)
    assert not Path("wrong").exists()


def own_labels(study: Study) -> dict[str, dict[str, np.ndarray]]:
    """A finished study's labels as a user would bring them."""
    masks = {image: label.numpy().astype(bool) for image, label in study.labels("saliency").items()}
    return {"saliency": masks, "depth": {k: x.numpy() for k, x in study.labels("depth").items()}}


def test_brought_labels_are_as_good_as_an_estimators(made: Study, pipeline_folder: Path) -> None:
    labels = own_labels(made)
    given = {**settings(pipeline_folder), "controls": [], "properties": ["saliency", "depth"]}
    same = Study.create("same", prompts=PROMPTS, **{**given, "estimator": LightEstimator()}).run(
        progress=False
    )
    del given["estimator"]
    for name, maps in labels.items():
        (Path("maps") / name).mkdir(parents=True)
        for image, values in maps.items():
            np.save(f"maps/{name}/{image}.npy", values)
    for image, values in labels["saliency"].items():
        Path(f"maps/saliency/{image}.npy").unlink()
        Image.fromarray(values.astype(np.uint8) * 255).save(f"maps/saliency/{image}.png")
    folder = Study.create("folder", prompts=PROMPTS, labels="maps", **given).run(progress=False)
    ordered = [labels["depth"][row.image] for row in made.rows]
    arrays = Study.create("arrays", prompts=PROMPTS, labels={**labels, "depth": ordered}, **given)
    arrays.run(progress=False)
    order = ["property", "layer", "step", "branch", "image", "source", "metric"]
    wanted = same.scores().sort_values(order, ignore_index=True)
    for study in (folder, arrays):
        pd.testing.assert_frame_equal(study.scores().sort_values(order, ignore_index=True), wanted)


def test_every_picture_needs_its_label(made: Study, pipeline_folder: Path) -> None:
    labels = own_labels(made)
    given = settings(pipeline_folder)
    image = made.rows[3].image
    lacking = {"depth": {name: of for name, of in labels["depth"].items() if name != image}}
    for brought, line in (
        (lacking, f"no label depth of {image}"),
        ({"depth": list(labels["depth"].values())[:3]}, "3 labels of depth for 8 pictures"),
        ({"depth": {**labels["depth"], image: np.zeros(4)}}, "one finite map"),
        ("nowhere", "no labels in nowhere"),
    ):
        with pytest.raises(UnderpaintingError, match=line):
            Study.create("wrong", prompts=PROMPTS, labels=brought, **given)
        assert not Path("wrong").exists()


def test_a_loaded_pipeline_is_as_good_as_its_folder(made: Study, pipeline_folder: Path) -> None:
    pipe = StableDiffusionPipeline.from_pretrained(pipeline_folder, safety_checker=None)
    pipe.scheduler = scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    for number, model in enumerate((pipe, attach(pipe))):
        given = settings(pipeline_folder, model=model, estimator=LightEstimator())
        study = Study.create(f"own {number}", prompts=PROMPTS, **given)
        assert study.config.model == made.config.model
        study.run(progress=False)
        assert [name for name in differing(study.folder, made.folder) if "report" not in name] == []
        assert pipe.scheduler is scheduler  # the user's stays as it is
    with torch.no_grad():
        pipe.unet.conv_in.bias += 1
    shutil.rmtree(study.folder / "shards" / "00000")
    with pytest.raises(UnderpaintingError, match="the model is not the one"):
        study.run(progress=False)


def test_an_intervention_is_kept_only_if_wanted(made: Study, pipeline_folder: Path) -> None:
    before = contents(made.folder)
    seen: list[str] = []

    class Told(Progress):
        def phase(self, name: str) -> None:
            seen.append(name)

    options: dict[str, Any] = {"edit": {"kind": "covariance", "strength": 2.0, "last": 2}}
    mask = np.zeros((32, 32), bool)
    mask[4:14, 4:14] = True
    moved = made.intervene("thing 1", seed=9, mask=mask, **options, progress=Told())
    assert seen == ["unedited picture", "edited picture"] and contents(made.folder) == before
    assert moved.before.picture.shape == moved.after.picture.shape == (32, 32, 3)
    assert not torch.equal(moved.before.picture, moved.after.picture)
    assert np.array_equal(moved.target["saliency"].numpy(), mask)
    assert moved.scores["saliency", "target"] == (
        moved.before.scores["saliency", "target"],
        moved.after.scores["saliency", "target"],
    )
    assert moved._repr_html_().startswith("<img") and "thing 1" in moved._repr_html_()
    home = moved.save()
    assert f"-seed-{moved.asked.seed}-" in home.name and home.name.startswith(
        moved.asked.prompt.split()[0].lower()
    )
    assert home.parent == made.interventions_folder and (home / "strip.png").is_file()
    with pytest.raises(UnderpaintingError, match="is there already"):
        moved.save(home)
    Image.fromarray(mask.astype(np.uint8) * 255).save("mask.png")
    again = made.intervene("thing 1", seed=9, mask="mask.png", **options, progress=False)
    assert torch.equal(again.after.picture, moved.after.picture)
    shutil.rmtree(made.interventions_folder)
    for wrong, line in (
        ({}, "has no target to follow"),
        ({"mask": mask, "move": (0.1, 0)}, "give one target, not both"),
        ({"mask": np.zeros((4, 4))}, "all of one colour"),
        ({"mask": mask, "edit": "push"}, "edit kind"),
        ({"relight": True, "edit": {"last": 9}}, "step 9"),
    ):
        with pytest.raises(UnderpaintingError, match=line):
            made.intervene("thing 1", seed=9, **wrong, progress=False)


def test_before_it_is_run(pipeline_folder: Path, named_study: Callable[[str], Any]) -> None:
    study = Study.open(named_study("new").folder)
    assert "shards made" in study._repr_html_() and "14 pictures" in study._repr_html_()
    assert study.config == open_study(study.folder).config
    for ask in (study.results, study.scores, study.emergence, lambda: study.report):
        with pytest.raises(UnderpaintingError, match="run"):
            ask()


def test_probes_and_model_show_themselves(made: Study) -> None:
    probes = made.probes._repr_html_()
    assert f"{len(made.probes.entries)} probes of" in probes and made.probes.best_layer("shading") in probes
    model = load(made.config.model.name)._repr_html_()
    assert "up.3.0" in model and "16 x 16" in model and "32 x 32" in model
