"""Unsound pictures: set aside with their reason and counted, while the rest goes on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from underpainting.diffusion import Model, load
from underpainting.errors import UnderpaintingError, UnsoundPictures
from underpainting.study.results import results
from underpainting.study.run import run_study
from underpainting.study.study import StudyFolder


@pytest.fixture(scope="module")
def loaded(pipeline_folder: Path) -> Model:
    return load(pipeline_folder, device="cpu")


def images(study: StudyFolder, split: str) -> list[str]:
    return [row.image for row, of in zip(study.rows, study.splits, strict=True) if of == split]


class Failing:
    """The estimator, but what it is told of a picture's light makes it fail on that picture."""

    properties = ("saliency", "depth", "shading")
    name, fingerprint = "light", "0"

    def __init__(self, estimator: Any, bad: torch.Tensor, how: str) -> None:
        self.estimator, self.bad, self.how = estimator, bad, how

    def __call__(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        maps = self.estimator(pictures)
        hit = [i for i, picture in enumerate(pictures) if torch.equal(picture, self.bad)]
        if hit and self.how == "raises":
            raise RuntimeError("no object\nfound")
        if hit and self.how == "shape":
            maps["depth"] = maps["depth"][:, 1:]
        if hit and self.how == "nan":
            maps["shading"][hit[0], 0, 0] = torch.nan
        return maps


def picture(study: StudyFolder, image: str) -> torch.Tensor:
    """A kept picture as the estimator gets it."""
    path = next(study.folder.glob(f"shards/*/images/{image}.png"))
    return torch.from_numpy(np.asarray(Image.open(path)).copy()).permute(2, 0, 1).float() / 255


@pytest.mark.parametrize(
    ("how", "split", "reason"),
    [
        ("raises", "test", "the estimator fails: RuntimeError: no object found"),
        ("shape", "fit", "the estimator fails: ValueError: depth is"),
        ("nan", "fit", "the estimator fails: ValueError: shading holds non-finite"),
    ],
)
def test_one_picture_that_the_estimator_fails_on(
    how: str,
    split: str,
    reason: str,
    finished: StudyFolder,
    new_study: Callable[[str], StudyFolder],
    loaded: Model,
    estimator: Any,
) -> None:
    bad = images(finished, split)[1]
    study = new_study("failing")
    failing = Failing(estimator, picture(finished, bad), how)
    run_study(study, model=loaded, estimator=failing, max_set_aside=0.2)
    aside: dict[str, str] = {}
    for path in study.folder.glob("shards/*/aside.json"):
        aside |= json.loads(path.read_text())
    assert aside[bad].startswith(reason) and "\n" not in aside[bad]
    assert len(aside) == 2  # batches are of two, and the other one is left alone
    assert {r for i, r in aside.items() if i != bad} == {"all others of its batch were set aside"}
    kept = {p.stem for p in study.folder.glob("shards/*/images/*.png")}
    assert kept == {row.image for row in study.rows} - set(aside)
    for table, of in ((study.scores_file, "test"), (study.calibrate_file, "calibrate")):
        assert set(pq.read_table(table)["image"].to_pylist()) == set(images(study, of)) - set(aside)
    card = json.loads((study.probes_folder / "card.json").read_text())
    assert card["images"] == {of: len(images(study, of)) - 2 * (of == split) for of in ("fit", "calibrate")}
    assert {(r.images, r.set_aside) for r in results(study)} == {
        (len(images(study, "test")) - 2 * (split == "test"), 2 * (split == "test"))
    }
    from underpainting.workflow import report

    assert "2 pictures (1: the estimator fails" in report(study)[0].read_text()


def test_without_calibrate_pictures_there_is_no_choice(
    finished: StudyFolder, new_study: Callable[[str], StudyFolder], loaded: Model, estimator: Any
) -> None:
    failing = Failing(estimator, picture(finished, images(finished, "calibrate")[0]), "nan")
    with pytest.raises(UnderpaintingError, match="every calibrate picture was set aside"):
        run_study(new_study("none"), model=loaded, estimator=failing, max_set_aside=0.5)


def test_the_rest_is_as_if_the_picture_had_never_been_asked_for(
    finished: StudyFolder, new_study: Callable[[str], StudyFolder], loaded: Model, estimator: Any
) -> None:
    """In the test split, sound pictures keep their scores to the last bit."""
    bad = images(finished, "test")[1]
    study = new_study("rest")
    failing = Failing(estimator, picture(finished, bad), "raises")
    run_study(study, model=loaded, estimator=failing, max_set_aside=0.2)
    ours, theirs = (
        pq.read_table(study.scores_file).to_pylist(),
        pq.read_table(finished.scores_file).to_pylist(),
    )
    left = {row["image"] for row in ours}
    assert repr(ours) == repr([row for row in theirs if row["image"] in left])


def test_too_many_stop_the_study_and_are_not_kept(
    finished: StudyFolder, new_study: Callable[[str], StudyFolder], loaded: Model, estimator: Any
) -> None:
    bad = images(finished, "fit")[1]
    study = new_study("many")
    failing = Failing(estimator, picture(finished, bad), "raises")
    with pytest.raises(UnderpaintingError, match=r"2 of 14 pictures .* 1 may be; mostly: .*--max"):
        run_study(study, model=loaded, estimator=failing)
    assert not any(study.shard_folder(shard.number).exists() for shard in study.shards)
    run_study(study, model=loaded, estimator=estimator)
    assert study.scores_file.read_bytes() == finished.scores_file.read_bytes()


def test_non_finite_activations_name_layer_step_and_picture(model: Model) -> None:
    def poison(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        output = output.clone()
        output[4, 0, 0] = torch.inf  # batch of 3, conditional half: its second picture
        return output

    unet = model.pipe.unet
    hook = unet.get_submodule(model.resolve(["mid.0"])[0].path).register_forward_hook(poison)
    try:
        with pytest.raises(
            UnsoundPictures, match=r"layer mid\.0 holds non-finite values in step 1"
        ) as caught:
            model.denoise(["a", "b", "c"], [1, 2, 3], steps=2, watch=["up.3.0", "mid.0"])
    finally:
        hook.remove()
    assert list(caught.value.reasons) == [1]


def test_a_black_picture_is_set_aside(
    finished: StudyFolder,
    new_study: Callable[[str], StudyFolder],
    loaded: Model,
    estimator: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decode, bad = Model.decode, picture(finished, images(finished, "test")[0])

    def censored(self: Model, latents: torch.Tensor) -> torch.Tensor:
        made = decode(self, latents)
        for one in made:
            if torch.equal((one * 255).round() / 255, bad):
                one.zero_()
        return made

    monkeypatch.setattr(Model, "decode", censored)
    study = new_study("black")
    run_study(study, model=loaded, estimator=estimator, max_set_aside=0.2)
    aside = [json.loads(p.read_text()) for p in study.folder.glob("shards/*/aside.json")]
    assert {images(study, "test")[0]: "the picture is of one colour"}.items() <= {
        k: v for one in aside for k, v in one.items()
    }.items()
