"""A study that is killed over and over, changed underway, or done already."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from underpainting import __version__
from underpainting.diffusion import Model, load
from underpainting.errors import UnderpaintingError
from underpainting.progress import Progress
from underpainting.records import only_run
from underpainting.records.seals import SEAL
from underpainting.study.damage import find_damage
from underpainting.study.environment import load_study, record_environment
from underpainting.study.run import run_study
from underpainting.study.study import StudyFolder, create_study, open_study

COMPARED = (
    "scores.parquet",
    "calibrate.parquet",
    "probes/probes.safetensors",
    "probes/card.json",
    "controls/shuffled/probes.safetensors",
    "controls/position.json",
    "gallery/gallery.safetensors",
    "gallery/gallery.json",
)


class Killed(BaseException):
    """Ends a run at any place, as a kill would."""


@pytest.fixture(scope="module")
def loaded(pipeline_folder: Path) -> Model:
    """The model, loaded once for many short runs."""
    return load(pipeline_folder, device="cpu")


def _same(one: StudyFolder, other: StudyFolder) -> None:
    for name in COMPARED:
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes(), name


@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_any_rename_ends_with_the_same_bytes(
    every: int,
    new_study: Callable[[str], StudyFolder],
    finished: StudyFolder,
    loaded: Model,
    estimator: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What lies on disk before each rename, half-written files and all, is what a kill leaves.

    So is what lies there when running totals are gone, and their seal is not.
    """
    study, left, sealed = new_study("watched"), [], []

    def keep(lists: list[Path], name: str) -> None:
        lists.append(shutil.copytree(study.folder, tmp_path / f"{name}-{len(lists)}"))

    def watched(real: Callable[..., Any]) -> Callable[..., Any]:
        def move(self: Path, target: Path) -> Any:
            keep(left, "left")
            return real(self, target)

        return move

    def unlink(self: Path, missing_ok: bool = False, real: Callable[..., None] = Path.unlink) -> None:
        if self.name.startswith("through") and self.suffix == SEAL:
            keep(sealed, "sealed")
        real(self, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", watched(Path.rename))
        patch.setattr(Path, "replace", watched(Path.replace))
        patch.setattr(Path, "unlink", unlink)
        run_study(study, model=loaded, estimator=estimator)
    _same(study, finished)
    assert len(left) > 15 and sealed
    assert any(path.name.startswith(".") for folder in left for path in folder.rglob("*"))
    for folder in [*left[::every], *sealed[::every]]:
        resumed = open_study(folder)
        run_study(resumed, model=loaded, estimator=estimator)
        _same(resumed, finished)
        assert not [path for path in folder.rglob(".*")]
        assert sorted(os.listdir(resumed.moments_folder)) == sorted(os.listdir(study.moments_folder))
        assert find_damage(resumed) == []


def test_killed_within_a_batch_keeps_whole_shards(
    new_study: Callable[[str], StudyFolder], finished: StudyFolder, loaded: Model, estimator: Any
) -> None:
    study = new_study("killed")

    class Dying(Progress):
        made = 0.0

        def advance(self, pictures: float) -> None:
            self.made += pictures
            if self.made > 6.5:
                raise Killed

    with pytest.raises(Killed):
        run_study(study, model=loaded, estimator=estimator, progress=Dying())
    assert sorted(path.name for path in study.shards_folder.iterdir() if path.name[0] != ".") == ["00000"]
    run_study(study, model=loaded, estimator=estimator)
    _same(study, finished)


def test_every_picture_is_made_once_and_shards_are_whole(
    new_study: Callable[[str], StudyFolder], loaded: Model, estimator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, seeds = new_study("once"), []
    made = Model.run

    def counting(self: Model, prompts: Any, given: Any, *watching: Any, **options: Any) -> Any:
        seeds.extend(given)
        return made(self, prompts, given, *watching, **options)

    monkeypatch.setattr(Model, "run", counting)
    run_study(study, model=loaded, estimator=estimator)
    assert sorted(seeds) == [row.seed for row in study.rows]
    assert find_damage(study) == []
    assert sorted(path.name for path in study.moments_folder.iterdir()) == [
        "through-00001.safetensors",
        "through-00001.safetensors.sha256",
    ]
    run_study(study, model=loaded, estimator=estimator)
    assert len(seeds) == len(study.rows)


def test_tables_hold_the_test_pictures_and_all_sources(finished: StudyFolder) -> None:
    rows = pq.read_table(finished.scores_file).to_pylist()
    test = {row.image for row, split in zip(finished.rows, finished.splits, strict=True) if split == "test"}
    assert {row["image"] for row in rows} == test
    keys = [
        tuple(row[k] for k in ("property", "layer", "step", "branch", "image", "source", "metric"))
        for row in rows
    ]
    assert len(set(keys)) == len(keys)
    places = 4 * 3 * 2
    looks = 2 * 3 * 3 * (2 + 7 + 7)  # filmed pictures, looks, steps
    of_picture = 5 * places * (2 + 7 + 7) + 4 * (2 + 5 + 5) + 4 * (2 + 7 + 7) + 7  # 7: shading by luminance
    assert len(rows) == len(test) * of_picture + looks
    calibrate = {
        row.image for row, split in zip(finished.rows, finished.splits, strict=True) if split == "calibrate"
    }
    assert set(pq.read_table(finished.calibrate_file)["image"].to_pylist()) == calibrate


def test_gallery_shows_the_final_picture_and_its_probes(finished: StudyFolder) -> None:
    about = json.loads((finished.gallery_folder / "gallery.json").read_text())
    tensors = load_file(finished.gallery_folder / "gallery.safetensors")
    assert len(about["pictures"]) == 2
    for i, picture in enumerate(about["pictures"]):
        shard = next(s for s in finished.shards if picture["image"] in [row.image for row in s.pictures])
        labels = load_file(finished.shard_folder(shard.number) / "labels.safetensors")
        assert tensors[f"{i}/noisy"].shape == tensors[f"{i}/clean"].shape == (3, 32, 32, 3)
        assert torch.equal(tensors[f"{i}/label/depth"], labels[f"{picture['image']}/depth"].half())
        assert tensors[f"{i}/probe/saliency"].shape[0] == 3
    assert len(about["thresholds"]["saliency"]) == 3


def test_another_config_is_refused(
    finished: StudyFolder, new_study: Callable[[str], StudyFolder], loaded: Model, estimator: Any
) -> None:
    study = new_study("changed")

    class Dying(Progress):
        def advance(self, pictures: float) -> None:
            raise Killed

    with pytest.raises(Killed):
        run_study(study, model=loaded, estimator=estimator, progress=Dying())
    text = study.config_file.read_text()
    study.config_file.write_text(text.replace("steps = 3", "steps = 4"))
    with pytest.raises(UnderpaintingError, match=r"another config \(\[model\] steps: 3 -> 4\)"):
        open_study(study.folder)


def test_other_weights_are_refused(
    new_study: Callable[[str], StudyFolder], pipeline_folder: Path, estimator: Any
) -> None:
    study, model = new_study("weights"), load(pipeline_folder, device="cpu")

    class Dying(Progress):
        def advance(self, pictures: float) -> None:
            raise Killed

    with pytest.raises(Killed):
        run_study(study, model=model, estimator=estimator, progress=Dying())
    with torch.no_grad():
        next(model.pipe.unet.parameters()).add_(1)
    with pytest.raises(UnderpaintingError, match="model is not the one"):
        run_study(study, model=model, estimator=estimator)


def test_two_runs_at_once_are_refused(
    new_study: Callable[[str], StudyFolder], loaded: Model, estimator: Any
) -> None:
    study = new_study("busy")
    with only_run(study.folder), pytest.raises(UnderpaintingError, match="another run"):
        run_study(study, model=loaded, estimator=estimator)


def test_the_day_of_the_first_run_is_kept(
    finished: StudyFolder, loaded: Model, estimator: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    study = open_study(Path(shutil.copytree(finished.folder, tmp_path / "later")))
    before = study.environment_file.read_bytes()
    recorded = json.loads(before)
    assert date.fromisoformat(recorded["begun"]) and recorded["versions"]["underpainting"] == __version__
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    run_study(study, model=loaded, estimator=estimator)
    assert study.environment_file.read_bytes() == before
    record_environment(
        StudyFolder(tmp_path / "new", study.config, study.rows, study.splits),
        load_study(study.config, loaded, estimator),
    )
    assert json.loads((tmp_path / "new/environment.json").read_text())["begun"] == "1970-01-02"


def test_an_existing_study_is_not_overwritten(finished: StudyFolder) -> None:
    before = finished.scores_file.read_bytes()
    with pytest.raises(UnderpaintingError, match="already holds a study"):
        create_study(finished.folder, finished.config, finished.rows)
    assert finished.scores_file.read_bytes() == before


def test_unknown_layers_and_properties_name_the_nearest(
    pipeline_folder: Path, new_study: Callable[[str], StudyFolder], loaded: Model, estimator: Any
) -> None:
    study = new_study("unknown")
    layers = study.config.model_copy(
        update={"watch": study.config.watch.model_copy(update={"layers": ("up.9.0",)})}
    )
    with pytest.raises(UnderpaintingError, match=r"unknown layer up\.9\.0.*up\."):
        run_study(
            StudyFolder(study.folder, layers, study.rows, study.splits), model=loaded, estimator=estimator
        )
    names = study.config.model_copy(
        update={"labels": study.config.labels.model_copy(update={"properties": ("deph",)})}
    )
    with pytest.raises(UnderpaintingError, match="no labels of 'deph'; nearest is depth"):
        run_study(
            StudyFolder(study.folder, names, study.rows, study.splits), model=loaded, estimator=estimator
        )
