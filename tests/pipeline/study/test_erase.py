"""Erasing on a tiny study: by its definition, beside the authors' package; the question from end to end."""

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from concept_erasure import LeaceFitter

from tests.command import call
from tests.pipeline.diffusion.stepping import use_several
from underpainting import Study
from underpainting.diffusion import Evaluation, StepRecord
from underpainting.findings.erasure import ERASED, NULL, ONCE, RANDOM, SHUFFLED, TURNED
from underpainting.intervention.edit import Where
from underpainting.intervention.erasing import Changes, changes, refitted, refitting, targets
from underpainting.intervention.painter import Painter
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import Place

EVERYWHERE = Where(last=3, branches=("unconditional", "conditional"))


def reaching(painter: Painter, change: Changes, where: Where = EVERYWHERE) -> dict[Place, torch.Tensor]:
    """Activations of the fit pictures as the network goes on with them, its erasers fitted on the way."""
    kept: dict[Place, torch.Tensor] = {}

    def look(record: StepRecord) -> None:
        for layer, by_branch in record.activations.items():
            kept.update({Place(layer, record.step, branch): x.clone() for branch, x in by_branch.items()})

    acting = painter.acting(where, change.fitting)
    painter.denoise(painter.study.sound_rows("fit"), edit=acting, look=look)
    return kept


def shared(x: torch.Tensor, label: torch.Tensor) -> float:
    """The largest correlation, over channels, of activations with a label."""
    columns = [of.double().flatten(0, 1).numpy() for of in (x, label[..., None])]
    together = np.corrcoef(np.concatenate(columns, axis=1), rowvar=False)[:-1, -1]
    return float(np.nanmax(np.abs(together)))


def test_what_is_erased_is_gone_at_every_place_where_erasers_are_refitted(painter: Painter) -> None:
    labels = targets(painter, painter.study.sound_rows("fit"))
    conditions = changes(painter, "shading", labels)
    left = {name: reaching(painter, conditions[name]) for name in (NULL, ERASED, ONCE, RANDOM)}
    most = {
        name: {place: shared(x, labels[place.layer][..., 2]) for place, x in of.items()}
        for name, of in left.items()
    }
    assert len(most[ERASED]) == 4 * 3 * 2 and max(most[ERASED].values()) < 1e-5
    assert all(most[NULL][place] > 0.02 and most[RANDOM][place] > 0.02 for place in most[NULL])
    # Erasers of unedited activations fit where nothing was erased before, and no later.
    first, later = Place("down.0.0", 1, "conditional"), Place("mid.0", 1, "conditional")
    assert most[ONCE][first] < 1e-5 < 1e-3 < most[ONCE][later]
    # What the authors' package gives, fitted to the same tokens, at the first place that is come to.
    x, label = left[NULL][first].double().flatten(0, 1), labels["down.0.0"][..., 2].double().flatten()
    expected = LeaceFitter.fit(x, label[:, None], constrain_cov_trace=False, svd_tol=1e-9).eraser(x)
    torch.testing.assert_close(
        left[ERASED][first].flatten(0, 1), expected.float(), atol=2e-3 * float(x.std()), rtol=1e-3
    )


def test_erasing_nothing_leaves_the_picture_as_it_is_to_the_last_bit(painter: Painter) -> None:
    rows = painter.study.sound_rows("fit")
    nothing = refitting(targets(painter, rows), [])
    probes = refitted(painter, EVERYWHERE, nothing.fitting, rows, targets(painter, rows))
    assert probes.keys() == {Place(of, step, "conditional") for of in painter.grids for step in (1, 2, 3)}
    test = painter.study.sound_rows("test")[:2]
    unedited = painter.unedited(test)
    same = painter.paint(test, painter.acting(EVERYWHERE, nothing.then))
    assert torch.equal(same.pictures, unedited.pictures)
    something = refitting(targets(painter, rows), [0])
    refitted(painter, EVERYWHERE, something.fitting, rows, targets(painter, rows))
    other = painter.paint(test, painter.acting(EVERYWHERE, something.then))
    assert not torch.equal(other.pictures, unedited.pictures)


def test_controls_take_as_much_or_what_they_are_fitted_to(painter: Painter) -> None:
    rows = painter.study.sound_rows("fit")
    labels = targets(painter, rows)
    conditions = changes(painter, "saliency", labels)
    place, here = Place("up.3.0", 1, "conditional"), Where(last=1, layers=("up.3.0",))
    for name in (ERASED, SHUFFLED, RANDOM, "other depth", "other shading", NULL):
        x = reaching(painter, conditions[name], here)[place]
    taken = {name: change.then(place, x) for name, change in conditions.items()}
    torch.testing.assert_close(taken[TURNED].norm(dim=-1), taken[ERASED].norm(dim=-1))
    for name in (ERASED, SHUFFLED, RANDOM, "other depth"):
        assert torch.linalg.matrix_rank(taken[name].flatten(0, 1), rtol=1e-3) == 1
    lines = [torch.linalg.svd(taken[name].flatten(0, 1)).Vh[0] for name in (ERASED, SHUFFLED, RANDOM)]
    assert all(abs(float(one @ other)) < 0.999 for one, other in pairwise(lines))
    assert not taken[NULL].any()


def test_erasers_act_at_the_first_evaluation_of_their_steps_alone(painter: Painter) -> None:
    use_several(painter.loaded.model, "heun")
    where = Where(first=2, last=3, layers=("up.1.2",))
    change = refitting(targets(painter, painter.study.sound_rows("fit")), [0])
    fitted, erased = set(), set()

    def fitting(place: Place, x: torch.Tensor) -> torch.Tensor:
        fitted.add(place)
        return change.fitting(place, x)

    painter.denoise(painter.study.sound_rows("fit"), edit=painter.acting(where, fitting))
    acting = painter.acting(where, change.then)

    def watching(layer: str, evaluation: Evaluation, x: torch.Tensor) -> torch.Tensor:
        after = acting(layer, evaluation, x)
        if not torch.equal(after, x):
            erased.add((layer, evaluation.step, evaluation.first))
        return after

    painter.paint(painter.study.sound_rows("test")[:2], watching)
    assert fitted == {Place("up.1.2", step, "conditional") for step in (2, 3)}
    assert erased == {("up.1.2", step, True) for step in (2, 3)}


def test_the_question_from_end_to_end(
    done: StudyFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    denoise = Painter.denoise

    def counting(self: Painter, rows: list[object], **more: object) -> torch.Tensor:
        made.append(len(rows))
        return denoise(self, rows, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Painter, "denoise", counting)
    settings = ("--steps", "2-2", "--layers", "mid.0,up.1.2", "--pictures", "3", "--fit-pictures", "6")
    assert call("erase", done.folder, "--property", "shading", *settings, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert made == [6] * 8 + [2] * 8 + [1] * 8  # conditions: fit pictures in one batch, then test pictures
    (file,) = (done.folder / "interventions" / "shading").glob("erased-*.parquet")
    done.require(file)
    frame = pd.read_parquet(file).astype({"condition": str, "metric": str, "property": str, "layer": str})
    assert len(frame.image.unique()) == 3 and set(frame.step) == {0, 2, 3}
    assert not frame.duplicated(["image", "condition", "layer", "step", "property", "metric"]).any()
    own = frame[(frame.metric == "own") & (frame.property == "shading")]
    assert np.allclose(own[own.condition == NULL].value, 1)
    change = frame[frame.metric == "change"].groupby("condition").value.mean()
    assert change[NULL] == 0 and (change.drop(NULL) > 0).all()
    read = frame[(frame.metric == "spearman") & (frame.condition == ERASED)]
    there = read[(read.step == 2) & read.layer.isin(["mid.0", "up.1.2"])]
    summary = {(row["condition"], row["metric"], row["property"], row["place"]): row for row in answer}
    for place, rows in {"erased": there, "later": read.drop(there.index)}.items():
        row = summary[ERASED, "spearman", "shading", place]
        assert row["mean"] == pytest.approx(rows.groupby("image").value.mean().mean())
    paired = own.pivot(index="image", columns="condition", values="value")
    row = summary[TURNED, "own", "shading", ""]
    assert row["above"] == pytest.approx((paired[ERASED] - paired[TURNED]).mean())

    def loading(*_: object) -> None:
        raise AssertionError("the model is loaded")

    # Asked again it is read; what is none is refused in a line: neither loads anything.
    monkeypatch.setattr("underpainting.study.environment.load_study", loading)
    given = {"layers": ["mid.0", "up.1.2"], "steps": (2, 2), "pictures": 3, "fit_pictures": 6}
    again = Study.open(done.folder).erase("shading", **given, progress=False)  # type: ignore[arg-type]
    assert again["mean"].tolist() == pytest.approx([row["mean"] for row in answer if row["mean"] is not None])
    assert call("erase", done.folder, "--property", "shading", *settings) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "With shading erased in steps 2 to 2, layers mid.0, up.1.2" in words
    assert "on 3 test prompts; the strongest control" in words and "too few prompts" in words
    for options, said in REFUSED:
        assert call("erase", done.folder, *options) == 2
        (line,) = [of for of in capsys.readouterr().err.splitlines() if of != "underpainting: loading"]
        assert said in line


REFUSED = [
    (["--property", "surface"], "has no probes of 'surface'; it has saliency, depth, shading"),
    (["--layers", "up.3.1"], "layer up.3.1 has no probe"),
    (["--steps", "2-9"], "step 9 is not among the study's 3"),
    (["--steps", "3-2"], "steps 3 to 2 are none"),
    (["--branches", "both"], "edit branches"),
]
