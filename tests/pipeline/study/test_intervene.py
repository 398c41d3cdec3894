"""Interventions end to end on a tiny study: what is painted, what is kept, what is refused."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import f1_score

from tests.pipeline.study.conftest import ESTIMATOR, tiny_config, tiny_rows
from underpainting import workflow
from underpainting.cli import main
from underpainting.diffusion import StepRecord
from underpainting.errors import UnderpaintingError
from underpainting.intervention import Move, Plan
from underpainting.records import INTERVENTIONS, read_table
from underpainting.study.folder import Study, create_study, open_study
from underpainting.study.progress import Progress
from underpainting.uses.easel import Easel, set_up
from underpainting.uses.experiment import controls, distances, run_experiment
from underpainting.uses.intervene import Asked
from underpainting.uses.trials import FAR, NEAR, draw_moves, moved, targets

ASKED = Asked(prompt="a thing number 3", seed=5, right=0.25, down=-0.25)
MOVE = Move(0.25, -0.25)
EVERY_BRANCH = ("conditional", "unconditional")


@pytest.fixture(scope="module")
def whole(pipeline_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """A study run once, by an estimator that can be imported while these tests run."""
    folder = tmp_path_factory.mktemp("interventions")
    (folder / "estimator_of_intervened.py").write_text(ESTIMATOR)
    config = tiny_config(pipeline_folder)
    labels = config.labels.model_copy(update={"estimator": "estimator_of_intervened:Light"})
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        study = create_study(folder / "study", config.model_copy(update={"labels": labels}), tiny_rows())
        workflow.run(study.folder)
        yield study


@pytest.fixture
def done(whole: Study, tmp_path: Path) -> Study:
    """A copy of it that a test may add to."""
    shutil.copytree(whole.folder, tmp_path / "study")
    return open_study(tmp_path / "study")


@pytest.fixture
def easel(done: Study) -> Easel:
    return set_up(*workflow.reopen(done.folder))


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def watched(easel: Easel, plan: Plan, target: dict[str, torch.Tensor], layer: str) -> torch.Tensor:
    """Activations of an edited layer at the plan's first step, as the network goes on with them."""
    unedited = easel.unedited([easel.study.rows[0]])
    edit = easel.edit(plan, easel.change(plan, unedited, target, None))
    kept = {}

    def look(record: StepRecord) -> None:
        kept[record.step] = record.activations[layer]["conditional"].clone()

    row, config = easel.study.rows[0], easel.study.config.model
    easel.workshop.model.denoise(
        *([row.prompt], [row.seed]), steps=config.steps, watch=[layer], on_step=look, edit=edit
    )
    return kept[plan.first]


def test_without_strength_the_picture_is_the_pipelines_own(easel: Easel) -> None:
    unedited = easel.unedited(easel.study.rows[:2])
    moves = draw_moves(unedited.labels["saliency"], [1, 2], 0)
    target = targets(unedited.labels, moves, easel.workshop.places.properties)
    for kind in ("carry", "covariance", "minimum"):
        plan = Plan(kind=kind, strength=0, last=3, branches=EVERY_BRANCH)  # type: ignore[arg-type]
        edit = easel.edit(plan, easel.change(plan, unedited, target, moves))
        assert torch.equal(easel.paint(unedited.rows, edit), unedited.pictures)
        stronger = plan.model_copy(update={"strength": 3.0})
        edit = easel.edit(stronger, easel.change(stronger, unedited, target, moves))
        assert not torch.equal(easel.paint(unedited.rows, edit), unedited.pictures)


def test_after_a_whole_edit_the_probes_read_the_target(easel: Easel) -> None:
    target = {"saliency": torch.zeros(1, 32, 32), "depth": torch.rand(1, 32, 32)}
    target["saliency"][:, :16] = 1
    for kind in ("covariance", "minimum"):
        properties = ("saliency", "depth")
        plan = Plan(kind=kind, strength=1, first=2, last=2, layers=("up.1.2",), properties=properties)  # type: ignore[arg-type]
        x = watched(easel, plan, target, "up.1.2")
        direction = easel.directions(properties)(("up.1.2", 2, "conditional"))
        grid = easel.grids["up.1.2"]
        cells = torch.stack(
            [
                of.reshape(1, grid[0], 32 // grid[0], grid[1], 32 // grid[1]).mean((2, 4)).flatten(1)
                for of in target.values()
            ],
            dim=-1,
        )
        torch.testing.assert_close(direction.probe.apply(x), direction.goal(cells), atol=2e-3, rtol=2e-3)


def test_a_picture_its_folder_and_the_same_again(done: Study, capsys: pytest.CaptureFixture[str]) -> None:
    made = workflow.intervene(done.folder, ASKED, {"last": 2})
    before, after = (picture(made.folder / f"{of}.png") for of in ("before", "after"))
    assert before.shape == after.shape == (32, 32, 3) and (before != after).any()
    card = json.loads((made.folder / "intervention.json").read_text(encoding="utf-8"))
    assert card["plan"]["last"] == 2 and card["asked"]["seed"] == 5
    target = moved(torch.from_numpy(light(before))[None], [MOVE], empty=True)[0].numpy()
    expected = f1_score(target.ravel() > 0, light(after).ravel() > 0)
    assert made.scores["saliency", "target"] == pytest.approx(expected)
    assert workflow.replay(done.folder, made.folder)
    assert torch.is_grad_enabled()  # global state is the caller's
    with pytest.raises(UnderpaintingError, match="is there already"):
        workflow.intervene(done.folder, ASKED, {"last": 2})

    drawn = np.zeros((32, 32), dtype=np.uint8)
    drawn[4:20, 10:30] = 255
    Image.fromarray(drawn).save(done.folder.parent / "drawn.png")
    begin = ["intervene", str(done.folder), "--prompt", "a thing", "--seed", "3"]
    with pytest.raises(SystemExit) as stopped:
        main([*begin, "--mask", str(done.folder.parent / "drawn.png"), "--steps", "1-2", "--json"])
    assert stopped.value.code == 0
    said = json.loads(capsys.readouterr().out)
    again = done.folder.parent / said["folder"]
    after = picture(again / "after.png")
    assert said["saliency target"] == pytest.approx(f1_score(drawn.ravel() > 0, light(after).ravel() > 0))
    with pytest.raises(SystemExit):
        main(["intervene", str(done.folder), "--replay", str(again)])
    assert "the same picture" in capsys.readouterr().out


def light(levels: np.ndarray) -> np.ndarray:
    """The estimator's saliency of a picture, computed anew."""
    of = (torch.from_numpy(levels.copy()).permute(2, 0, 1).float() / 255).mean(0)
    return (of > of.flatten().median()).float().numpy()


REFUSED = [
    (["--move", "0.2"], "is not two numbers"),
    (["--nearer", "1", "--edit", "carry"], "activations can only be carried along"),
    (["--move", "0.1,0.1", "--layers", "up.3.1"], "layer up.3.1 has no probe"),
    (["--move", "0.1,0.1", "--steps", "2-9"], "step 9 is not among the study's 3"),
    (["--move", "0.1,0.1", "--steps", "3-2"], "steps 3 to 2 are none"),
    (["--move", "0.1,0.1", "--edit", "push"], "edit kind"),
    (["--mask", "small.png"], "is 8 x 8 pixels; give one of the picture's size, 32 x 32"),
    (["--mask", "empty.png"], "is empty"),
    (["--mask", "none.png"], "cannot be read as a mask"),
]


def test_what_cannot_be_done_is_said_in_a_line(
    done: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(done.folder.parent)
    Image.new("L", (8, 8), 255).save("small.png")
    Image.new("L", (32, 32)).save("empty.png")
    for options, words in REFUSED:
        with pytest.raises(SystemExit) as stopped:
            main(["intervene", str(done.folder), "--prompt", "a thing", *options])
        said = capsys.readouterr().err.strip().splitlines()
        assert stopped.value.code == 2 and len(said) == 1 and words in said[0]
    assert not (done.folder / "interventions").exists()


def test_moves_go_as_far_as_published_and_keep_the_object_in() -> None:
    mask = torch.zeros(1, 64, 64)
    mask[:, 2:20, 40:60] = 1
    seen = set()
    for seed in range(40):
        (move,) = draw_moves(mask, [seed], 0)
        assert NEAR <= abs(move.right) <= FAR and NEAR <= abs(move.down) <= FAR
        assert move.right < 0 < move.down and moved(mask, [move], empty=True).sum() == mask.sum()
        seen.add(move)
    assert len(seen) == 40 and draw_moves(mask, [3], 1) != draw_moves(mask, [3], 0)


def test_an_experiment_stops_and_goes_on(done: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"last": 2, "strength": 1.5}
    calls = 0
    paint = Easel.paint

    def stopping(self: Easel, *given: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls > 14:
            raise KeyboardInterrupt
        return paint(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Easel, "paint", stopping)
    with pytest.raises(KeyboardInterrupt):
        workflow.experiment(done.folder, pictures=3, trials=2, settings=settings)
    home = done.folder / "interventions"
    part = (home / "saliency" / "00000.parquet").read_bytes()
    monkeypatch.setattr(Easel, "paint", paint)
    found = workflow.experiment(done.folder, pictures=3, trials=2, settings=settings)
    assert (home / "saliency" / "00000.parquet").read_bytes() == part
    rows = read_table(home / "scores.parquet", INTERVENTIONS).to_pylist()
    names = {"null", "intervened", "random", "wrong_target", "shuffled_probe", "late", "own_mask"}
    assert {row["condition"] for row in rows} == {*names, "moved_picture"}
    of = {(r["image"], r["trial"], r["condition"], r["property"], r["metric"]): r["value"] for r in rows}
    assert len(of) == len(rows)
    for (_, _, condition, name, metric), value in of.items():
        if condition == "null" and metric == "own":
            assert value == pytest.approx(1)
        if condition in ("null", "own_mask") and metric == "background_change":  # carried nowhere
            assert value == 0 and name == ""
    kind = ("random", "depth", "target")
    mine = [value for key, value in of.items() if key[2:] == kind]
    row = next(r for r in found if (r.condition, r.property, r.metric) == kind)
    assert row.mean == pytest.approx(np.mean(mine)) and (row.pictures, row.trials) == (3, 2)
    with pytest.raises(UnderpaintingError, match="holds another experiment"):
        workflow.experiment(done.folder, pictures=3, trials=1, settings=settings)


def test_a_plan_is_chosen_once_on_calibrate_pictures(done: Study) -> None:
    found = workflow.experiment(done.folder, aim="shading", pictures=2, trials=1)
    path = done.folder / "interventions" / "shading" / "choice.json"
    choice = json.loads(path.read_text(encoding="utf-8"))
    assert {of["plan"]["last"] for of in choice["tried"]} == {3}
    best = max(choice["tried"], key=lambda of: of["target_if_kept"])
    assert choice["chosen"] == best["plan"]
    assert {row.aim for row in found} == {"shading"}


def test_an_edit_is_varied(done: Study) -> None:
    found = workflow.experiment(
        done.folder, pictures=2, trials=1, settings={"last": 2, "strength": 2}, vary=True
    )
    strengths = {f"strength {of}" for of in ("0.5", "1", "2", "4")}
    steps = {f"until step {of}" for of in (1, 2, 3)}
    parts = {f"{word} {part}" for word in ("only", "without") for part in ("down", "mid", "up")}
    assert {row.condition for row in found} == {"null"} | strengths | steps | parts
    means = {row.condition: row.mean for row in found if (row.property, row.metric) == ("saliency", "target")}
    assert means["strength 2"] == means["until step 2"]
    assert len(set(means.values())) > 8


class Recognising:
    """A classifier that sees mean colours, and says by which it answers."""

    classes = ("red", "green", "blue")
    name, fingerprint = "recognising", "0"

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures.mean((2, 3))

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.features(pictures).softmax(1)


def test_whether_pictures_are_still_of_their_kind(easel: Easel, tmp_path: Path) -> None:
    seeing = replace(easel, workshop=replace(easel.workshop, classifier=Recognising()))
    plan = Plan(kind="carry", strength=1.0, first=1, last=3)
    size = {"pictures": 4, "trials": 2}
    conditions = controls(seeing, "saliency", plan)
    run_experiment(seeing, "saliency", plan, conditions, tmp_path / "e", **size, progress=Progress())
    found = distances(tmp_path / "e")
    assert set(found) == {*conditions, "null, one half from the other"} - {"null"}
    assert found["own_mask"] < 1e-3 * found["intervened"]
    run_experiment(easel, "saliency", plan, conditions, tmp_path / "f", **size, progress=Progress())
    assert distances(tmp_path / "f") == {}
