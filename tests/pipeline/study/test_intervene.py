"""Interventions end to end on a tiny study: what is painted, what is kept, what is refused."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline
from PIL import Image
from safetensors.torch import load_file
from sklearn.metrics import f1_score

from benchmarks.faults import rewriting
from tests.command import call
from tests.pipeline.diffusion.stepping import SEVERAL, use_several
from underpainting.diffusion import Evaluation, StepRecord
from underpainting.errors import UnderpaintingError
from underpainting.findings.distances import kernel_distance
from underpainting.findings.interventions import HELD
from underpainting.intervention import act
from underpainting.intervention.alternatives import alternatives, other_seeds
from underpainting.intervention.asked import make_asked
from underpainting.intervention.conditions import Paint, Trial, controls, moved_picture
from underpainting.intervention.edit import EDIT_OF_MOVES, EDIT_OF_TARGETS, Edit
from underpainting.intervention.experiment import beside, distances, run_experiment
from underpainting.intervention.kept import read_kept
from underpainting.intervention.moves import STAY, Move
from underpainting.intervention.painter import Painter
from underpainting.intervention.picture import FOLLOWED, Intervened, Painted
from underpainting.intervention.trials import FAR, NEAR, draw_moves, moved, targets
from underpainting.intervention.trying import Comparison
from underpainting.progress import Progress
from underpainting.records import BATCH, INTERVENTIONS, read_table, write_json
from underpainting.study.study import StudyFolder, open_study
from underpainting.vocabulary import Place

ASKED = {"prompt": "a thing number 3", "seed": 5, "right": 0.25, "down": -0.25}
MOVE = Move(0.25, -0.25)
EVERY_BRANCH = ("conditional", "unconditional")


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def watched(painter: Painter, edit: Edit, target: dict[str, torch.Tensor], layer: str) -> torch.Tensor:
    """Activations of an edited layer at the edit's first step, as the network goes on with them."""
    unedited = painter.unedited([painter.study.rows[0]])
    acting = painter.acting(edit, painter.change(edit, unedited, target, None))
    kept = {}

    def look(record: StepRecord) -> None:
        kept[record.step] = record.activations[layer]["conditional"].clone()

    row, config = painter.study.rows[0], painter.study.config.model
    painter.loaded.model.denoise(
        *([row.prompt], [row.seed]), steps=config.steps, watch=[layer], on_step=look, edit=acting
    )
    return kept[edit.first]


def test_without_strength_the_picture_is_the_pipelines_own(painter: Painter) -> None:
    unedited = painter.unedited(painter.study.rows[:2])
    moves = draw_moves(unedited.labels["saliency"], [1, 2], 0)
    target = targets(unedited.labels, moves, painter.loaded.places.properties)
    for kind in ("carry", "covariance", "minimum"):
        edit = Edit(kind=kind, strength=0, last=3, branches=EVERY_BRANCH)  # type: ignore[arg-type]
        acting = painter.acting(edit, painter.change(edit, unedited, target, moves))
        assert torch.equal(painter.paint(unedited.rows, acting).pictures, unedited.pictures)
        stronger = edit.model_copy(update={"strength": 3.0})
        acting = painter.acting(stronger, painter.change(stronger, unedited, target, moves))
        assert not torch.equal(painter.paint(unedited.rows, acting).pictures, unedited.pictures)


def under(painter: Painter, scheduler: str) -> Painter:
    """The painter with another scheduler and four steps, the least that PNDM's Runge-Kutta start takes."""
    model, config = painter.loaded.model, painter.study.config
    if scheduler in SEVERAL:
        use_several(model, scheduler)
    else:
        model.use_scheduler(scheduler)
    longer = config.model_copy(update={"model": config.model.model_copy(update={"steps": 4})})
    return replace(painter, study=replace(painter.study, config=longer))


def test_carried_nowhere_the_picture_is_the_pipelines_own_under_any_scheduler(painter: Painter) -> None:
    for scheduler in (*SEVERAL, "euler", "lms", "ddim"):
        scheduled = under(painter, scheduler)
        unedited = scheduled.unedited(scheduled.study.rows[:2])
        edit = Edit(kind="carry", strength=1, last=3, branches=EVERY_BRANCH)
        change = scheduled.change(edit, unedited, unedited.labels, [STAY, MOVE])
        pictures = scheduled.paint(unedited.rows, scheduled.acting(edit, change)).pictures
        assert torch.equal(pictures[0], unedited.pictures[0]), scheduler
        assert not torch.equal(pictures[1], unedited.pictures[1]), scheduler


def test_latents_are_held_where_the_scheduler_does_not_keep_its_own(painter: Painter) -> None:
    assert HELD in alternatives(under(painter, "dpm++")) and HELD not in alternatives(under(painter, "unipc"))


def test_edits_act_at_the_first_evaluation_of_their_steps_alone(painter: Painter) -> None:
    for scheduler in ("heun", "pndm, runge kutta"):
        scheduled = under(painter, scheduler)
        unedited = scheduled.unedited([painter.study.rows[0]])
        target = {name: 1 - of for name, of in unedited.labels.items()}
        for kind in ("carry", "covariance"):
            edit = Edit(kind=kind, strength=1, first=2, last=3)  # type: ignore[arg-type]
            acting = scheduled.acting(edit, scheduled.change(edit, unedited, target, [MOVE]))
            edited = set()

            def watching(layer: str, evaluation: Evaluation, x: torch.Tensor) -> torch.Tensor:
                after = acting(layer, evaluation, x)  # noqa: B023 (called before the next is made)
                if not torch.equal(after, x):
                    edited.add((evaluation.step, evaluation.first))  # noqa: B023
                return after

            scheduled.paint(unedited.rows, watching)
            assert edited == {(2, True), (3, True)}, (scheduler, kind)


def test_what_a_person_would_try(painter: Painter) -> None:
    scheduled = under(painter, "ddim")
    model, rows = scheduled.loaded.model, scheduled.study.rows[:2]
    unedited = scheduled.unedited(rows)

    def trial(move: Move, number: int = 0, **labels: torch.Tensor) -> Trial:
        seen = replace(unedited, labels={**unedited.labels, **labels})
        moves = [move] * len(rows)
        target = targets(seen.labels, moves, scheduled.loaded.places.properties)
        return Trial(seen, moves, target, number)

    tried = alternatives(scheduled)
    for stays in ("noise_rolled", "noise_moved"):
        assert torch.equal(tried[stays](trial(STAY)).pictures, unedited.pictures)
        assert not torch.equal(tried[stays](trial(MOVE)).pictures, unedited.pictures)
    nothing = trial(MOVE, saliency=torch.zeros(2, 32, 32))
    redone = tried["held"](nothing).pictures  # where nothing is touched, all is held
    assert (redone - unedited.pictures).abs().max() < 1.5 / 255
    assert not torch.equal(tried["held"](trial(MOVE)).pictures, unedited.pictures)

    others = [tried["another_seed"](trial(MOVE, number)) for number in (0, 0, 1)]
    assert torch.equal(others[0].pictures, others[1].pictures)
    assert not torch.equal(others[0].pictures, others[2].pictures)

    image_to_image = StableDiffusionImg2ImgPipeline(**model.pipe.components, requires_safety_checker=False)
    image_to_image.set_progress_bar_config(disable=True)
    pictures = moved_picture(trial(MOVE)).pictures
    seeds = [row.seed for row in other_seeds(trial(MOVE))]
    wanted = image_to_image(
        [row.prompt for row in rows],
        image=model.encode(pictures),
        strength=0.5,
        num_inference_steps=4,
        guidance_scale=scheduled.study.config.model.guidance_scale,
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        output_type="pt",
    ).images
    found = tried["sdedit"](trial(MOVE))
    assert (found.pictures - wanted).abs().max() < 1.5 / 255 and found.evaluations == 2


def test_after_a_whole_edit_the_probes_read_the_target(painter: Painter) -> None:
    target = {"saliency": torch.zeros(1, 32, 32), "depth": torch.rand(1, 32, 32)}
    target["saliency"][:, :16] = 1
    for kind in ("covariance", "minimum"):
        properties = ("saliency", "depth")
        edit = Edit(kind=kind, strength=1, first=2, last=2, layers=("up.1.2",), properties=properties)  # type: ignore[arg-type]
        x = watched(painter, edit, target, "up.1.2")
        direction = painter.directions(properties)(Place("up.1.2", 2, "conditional"))
        grid = painter.grids["up.1.2"]
        cells = torch.stack(
            [
                of.reshape(1, grid[0], 32 // grid[0], grid[1], 32 // grid[1]).mean((2, 4)).flatten(1)
                for of in target.values()
            ],
            dim=-1,
        )
        torch.testing.assert_close(direction.probe.apply(x), direction.goal(cells), atol=2e-3, rtol=2e-3)


class Counting(Progress):
    """What a bar would be told."""

    def __init__(self) -> None:
        self.phases, self.total, self.made = list[str](), 0.0, 0.0

    def start(self, total: float, done: float = 0, unit: str = "pictures") -> None:
        self.total, self.made = total, done

    def phase(self, name: str) -> None:
        self.phases.append(name)

    def advance(self, made: float) -> None:
        self.made += made


def test_a_picture_its_folder_and_the_same_again(
    done: StudyFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = Counting()
    made, folder = act.intervene(done, ASKED, {"last": 2}, progress=shown)
    assert (
        shown.phases == ["unedited picture", "edited picture"]
        and shown.made == pytest.approx(shown.total) == 2
    )
    before, after = (picture(folder / f"{of}.png") for of in ("before", "after"))
    assert before.shape == after.shape == (32, 32, 3) and (before != after).any()
    assert np.array_equal(before, made.before.picture) and np.array_equal(after, made.after.picture)
    target = moved(torch.from_numpy(light(before))[None], [MOVE], empty=True)[0].numpy()
    assert np.array_equal(target, made.target["saliency"])
    expected = [f1_score(target.ravel() > 0, light(of).ravel() > 0) for of in (before, after)]
    assert made.scores["saliency", "target"] == pytest.approx(expected)
    kept = read_kept(folder, done)
    assert kept.edit.last == 2 and kept.asked.seed == 5 and kept.shortfalls == made.shortfalls
    assert torch.equal(kept.target["saliency"], made.target["saliency"])
    assert act.replay(done, folder).same
    assert torch.is_grad_enabled()  # global state is the caller's
    assert call("replay", done.folder, folder, "--json") == 0
    assert json.loads(capsys.readouterr().out)["same"] is True


def test_a_picture_that_comes_out_otherwise_is_told_by_replay(
    done: StudyFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = act.intervene(done, ASKED, {"last": 2})
    card = json.loads((folder / "intervention.json").read_text(encoding="utf-8"))
    card["edit"]["strength"] = 3.0
    with rewriting(folder, done.owner) as kept:
        (kept / "intervention.json").write_text(json.dumps(card), encoding="utf-8")
    assert call("replay", done.folder, folder, "--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert said["same"] is False and said["pixels_that_differ"] > 0 and said["largest_difference"] > 0
    assert call("replay", done.folder, folder.parent) == 2
    assert "holds no intervention" in capsys.readouterr().err


def test_a_drawn_mask_of_any_size_is_the_target(
    done: StudyFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = np.zeros((64, 128), dtype=np.uint8)
    drawn[8:40, 40:120] = 255
    file, out = done.folder.parent / "drawn.png", done.folder.parent / "out"
    Image.fromarray(drawn).save(file)
    begin = ["intervene", done.folder, "--prompt", "a thing", "--seed", 3, "--mask", file, "--out", out]
    assert call(*begin, "--steps", "1-2", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    wanted = np.zeros((32, 32), dtype=bool)
    wanted[4:20, 10:30] = True
    for key, name in {"unedited": "before", "edited": "after"}.items():
        expected = f1_score(wanted.ravel(), light(picture(out / f"{name}.png")).ravel() > 0)
        assert said["scores"]["saliency target"][key] == pytest.approx(expected)
    rows, columns = np.nonzero(wanted)
    share = {"right": (columns.mean() + 0.5) / 32, "down": (rows.mean() + 0.5) / 32, "share": wanted.mean()}
    assert said["object"]["asked"] == pytest.approx(share)
    assert said["object"].keys() == {"unedited", "edited", "asked"}
    assert call("replay", done.folder, out) == 0 and "the same picture" in capsys.readouterr().out


def invented(
    edited: float, own: float, kind: str = "carry", size: float = 0.25, **asked: float
) -> Intervened:
    """One that nobody painted: Dice with the target was 0.2, the object a quarter of the picture."""

    def square(share: float) -> dict[str, torch.Tensor]:
        return {"saliency": (torch.arange(100) < 100 * share).float().reshape(10, 10)}

    def painted(target: float, own: float, maps: dict[str, torch.Tensor]) -> Painted:
        scores = {("saliency", "target"): target, ("saliency", "own"): own}
        return Painted(torch.zeros(2, 2, 3, dtype=torch.uint8), maps, scores, None)

    wanted = make_asked({"prompt": "a mug", "seed": 1, "right": 0.2, **asked})
    before, after = painted(0.2, 1.0, square(0.25)), painted(edited, own, square(size))
    return Intervened(wanted, Edit(kind=kind), before, after, square(0.25 * wanted.scale**2))  # type: ignore[arg-type]


def test_what_did_not_follow_is_said_with_what_to_try() -> None:
    """A score that barely rises is no success, wherever the object is."""
    assert invented(0.6, 0.2).shortfalls == []
    assert invented(0.2 + FOLLOWED * 0.8, 0.2).followed == {"saliency": True}
    assert invented(0.21, 0.9).shortfalls == ["the object stayed where it was: 0.21, unedited 0.20"]
    assert (
        invented(0.3, 0.1).shortfalls[0].startswith("the object left its place without reaching the target")
    )
    assert invented(0.0, 0.0, size=0).shortfalls[0].startswith("the estimator sees no object")
    assert invented(0.21, 0.9).another == {"kind": "covariance"}
    assert invented(0.21, 0.9, "covariance").another == {"kind": "carry"}
    assert invented(float("nan"), 0.9).followed == {"saliency": False}


def test_an_object_that_has_not_the_size_asked_does_not_follow() -> None:
    """Dice alone takes a larger object on a smaller target for a success."""
    assert invented(0.8, 0.2, size=0.3).followed == {"saliency": True}  # no other size was asked
    larger = invented(0.8, 0.2, size=0.3, scale=0.7)
    assert larger.followed == {"saliency": False}
    assert larger.shortfalls == [
        "the object has another size than asked: 30.0% of the picture, asked 13.0%, unedited 25.0%"
    ]
    assert invented(0.8, 0.2, size=0.24, scale=0.7).followed == {"saliency": False}
    assert invented(0.8, 0.2, size=0.2, scale=0.7).followed == {"saliency": True}
    assert invented(0.8, 0.2, size=0.2, scale=1.5).followed == {"saliency": False}
    assert invented(0.8, 0.2, size=0.35, scale=1.5).followed == {"saliency": True}
    assert invented(0.21, 0.9, size=0.2, scale=0.7).shortfalls[0].startswith("the object stayed")
    assert invented(0.8, 0.2, size=0.05, scale=0.7).followed == {"saliency": False}  # far too small
    only = invented(0.21, 0.9, size=0.24, scale=0.7, right=0)
    assert only.shortfalls[0].startswith("the object has another size than asked: 24.0%")


def test_a_batch_is_painted_once_each_and_every_picture_can_be_made_again(
    done: StudyFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(done.folder.parent)
    Path("many.csv").write_text(
        'prompt,seed,move\na thing,3,"0.25,-0.25"\nanother thing,4,\na thing,8,"1,1"\n'
    )
    begin = [
        "intervene",
        "study",
        "--prompts",
        "many.csv",
        "--move",
        "-0.25,0",
        "--steps",
        "1-2",
        "--out",
        "b",
    ]
    assert call(*begin, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert [*said["pictures"]] == ["prompt_0_seed_3", "prompt_1_seed_4"]
    assert "move it less" in said["left_out"]["prompt_0_seed_8"]
    asked = [read_kept(Path("b") / image, done).asked for image in said["pictures"]]
    assert [(of.right, of.down) for of in asked] == [(0.25, -0.25), (-0.25, 0)]
    rows = read_table(Path("b/scores.parquet"), BATCH).to_pylist()
    of = {(row["image"], row["property"], row["metric"]): row for row in rows}
    for image, about in said["pictures"].items():
        row = of[image, "saliency", "target"]
        assert {key: row[key] for key in ("unedited", "edited")} == about["scores"]["saliency target"]
    assert picture(Path("b/sheet-1.png")).std() > 0
    assert act.replay(open_study(Path("study")), Path("b/prompt_1_seed_4")).same

    painted = []
    paint = Painter.paint
    monkeypatch.setattr(
        Painter,
        "paint",
        lambda self, rows, edit, **more: painted.append(rows) or paint(self, rows, edit, **more),
    )
    shutil.rmtree("b/prompt_1_seed_4")
    assert call(*begin, "--json") == 0 and json.loads(capsys.readouterr().out) == said
    assert [row.seed for rows in painted for row in rows] == [4]
    assert call(*begin, "--strength", "3") == 2 and "b holds another batch" in capsys.readouterr().err


def test_a_batch_of_masks_by_name(done: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(done.folder.parent)
    Path("many.csv").write_text("prompt,seed\na thing,3\nanother thing,4\n")
    Path("masks").mkdir()
    for name, box in {"prompt_0_seed_3": (0, 0, 16, 32), "prompt_1_seed_4": (16, 0, 32, 32)}.items():
        mask = Image.new("L", (32, 32))
        mask.paste(255, box)
        mask.save(f"masks/{name}.png")
    batch = act.intervene_many(open_study(Path("study")), "many.csv", {}, {"last": 2}, masks=Path("masks"))
    sides = [made.target["saliency"][:, :16].mean() for made in batch.made.values()]
    assert sides == [1, 0] and batch.folder.parent == Path("study/interventions")
    Path("masks/prompt_1_seed_4.png").unlink()
    with pytest.raises(
        UnderpaintingError, match=r"no mask for 1 of 2 pictures; put prompt_1_seed_4\.png there"
    ):
        act.intervene_many(open_study(Path("study")), "many.csv", {}, masks=Path("masks"))


def light(levels: np.ndarray) -> np.ndarray:
    """The estimator's saliency of a picture, computed anew."""
    of = (torch.from_numpy(levels.copy()).permute(2, 0, 1).float() / 255).mean(0)
    return (of > of.flatten().median()).float().numpy()


REFUSED = [
    ([], "has no target to follow; give one by --move"),
    (["--move", "0.2"], "is not two numbers with ',' between; write such as 0.2,-0.1"),
    (["--move", "20,10"], "give shares of its width and height, from -1 to 1"),
    (["--move", "nan,0"], "right = nan: give a finite number"),
    (["--scale", "0", "--mirror"], "scale = 0.0: give 0.001 or more"),
    (["--nearer", "1", "--edit", "carry"], "activations can only be carried along"),
    (["--move", "0.1,0.1", "--nearer", "1", "--edit", "carry"], "activations can only be carried along"),
    (["--move", "0.1,0.1", "--mask", "drawn.png"], "give one target, not both"),
    (["--move", "0.1,0.1", "--layers", "up.3.1"], "layer up.3.1 has no probe"),
    (["--move", "0.1,0.1", "--steps", "2-9"], "step 9 is not among the study's 3"),
    (["--move", "0.1,0.1", "--steps", "3-2"], "steps 3 to 2 are none"),
    (["--move", "0.1,0.1", "--steps", "1-2.5"], "edit last"),
    (["--move", "0.1,0.1", "--edit", "push"], "edit kind"),
    (["--mask", "empty.png"], "is all of one colour"),
    (["--mask", "none.png"], "cannot be read"),
    (["--mask", "drawn.png", "--prompts", "many.csv"], "for one picture, or --prompts FILE for many"),
    (["--move", "0.1,0.1", "--masks", "."], "--masks FOLDER with --prompts"),
    (["--move", "0.1,0.1", "--out", "study"], "study is there already"),
    (["--move", "0.1,0.1", "--out", "drawn.png/out"], "cannot be made in"),
]


def test_what_cannot_be_done_is_said_in_a_line_before_anything_is_loaded(
    done: StudyFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def loading(*_: object) -> None:
        raise AssertionError("the model is loaded")

    monkeypatch.chdir(done.folder.parent)
    monkeypatch.setattr("underpainting.study.environment.load_study", loading)
    Image.new("L", (32, 32)).save("empty.png")
    mask = Image.new("L", (32, 32))
    mask.paste(255, (0, 0, 9, 9))
    mask.save("drawn.png")
    for options, words in REFUSED:
        assert call("intervene", "study", "--prompt", "a thing", *options) == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert len(said) == 1 and words in said[0], said
    assert not (done.folder / "interventions").exists()


def test_what_is_edited_without_an_experiment_stands_in_help_and_docs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    docs = " ".join((Path(__file__).parents[3] / "docs" / "interventions.md").read_text().split())
    for command, plans in {
        "intervene": (EDIT_OF_MOVES, EDIT_OF_TARGETS),
        "experiment": (EDIT_OF_MOVES,),
    }.items():
        assert call(command, "--help") == 0
        shown = " ".join(capsys.readouterr().out.split())
        for edit in plans:
            words = f"{edit.kind}, strength {edit.strength:g}, steps {edit.first} to {edit.last}"
            assert words in shown and words.replace(edit.kind, f"`{edit.kind}`", 1) in docs


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


def test_an_experiment_stops_and_goes_on(done: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"last": 2, "strength": 1.5}
    calls = 0
    paint = Painter.paint

    def stopping(self: Painter, *given: object, **more: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls > 33:
            raise KeyboardInterrupt
        return paint(self, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Painter, "paint", stopping)
    with pytest.raises(KeyboardInterrupt):
        act.experiment(done, pictures=3, trials=2, settings=settings)
    home = done.folder / "interventions"
    part = (home / "saliency" / "00000.parquet").read_bytes()
    monkeypatch.setattr(Painter, "paint", paint)
    found = act.experiment(done, pictures=3, trials=2, settings=settings)
    assert (home / "saliency" / "00000.parquet").read_bytes() == part
    rows = read_table(home / "scores.parquet", INTERVENTIONS).to_pylist()
    names = {"null", "intervened", "random", "wrong_target", "shuffled_probe", "late", "own_mask"}
    names |= {"read_part", "unread_part", "erased"}
    tried = {"covariance", "another_seed", "noise_rolled", "noise_moved", "sdedit", "held", "moved_picture"}
    assert {row["condition"] for row in rows} == names | tried
    spent = {row["condition"]: row["value"] for row in rows if row["metric"] == "evaluations"}
    free = {"null": 0, "moved_picture": 0, "sdedit": 2, "held": 2}  # of three steps, from the second on
    assert spent == dict.fromkeys(names | tried, 3) | free
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
        act.experiment(done, pictures=3, trials=1, settings=settings)


def test_a_plan_is_chosen_once_on_calibrate_pictures(done: StudyFolder) -> None:
    found = act.experiment(done, aim="shading", pictures=2, trials=1)
    path = done.folder / "interventions" / "shading" / "choice.json"
    choice = json.loads(path.read_text(encoding="utf-8"))
    assert {of["edit"]["last"] for of in choice["tried"]} == {3}
    best = max(choice["tried"], key=lambda of: of["target_if_kept"])
    assert choice["chosen"] == best["edit"]
    assert {row.aim for row in found} == {"shading"}


def test_beside_an_edit_stands_the_best_of_the_other_kind(done: StudyFolder) -> None:
    edit = Edit(kind="carry", strength=1.5, last=2)
    assert beside(done, "saliency", edit) == [edit.model_copy(update={"kind": "covariance"})]
    tried = [
        {"edit": Edit(kind=kind, strength=strength, last=3).model_dump(mode="json"), "target_if_kept": score}
        for kind, strength, score in (("carry", 2.5, 0.9), ("covariance", 1.5, 0.4), ("covariance", 2.5, 0.6))
    ]
    path = done.folder / "interventions" / "saliency" / "choice.json"
    with done.sealing(path) as temporary:
        write_json(temporary, {"chosen": tried[0]["edit"], "tried": tried})
    assert beside(done, "saliency", edit) == [Edit(kind="covariance", strength=2.5, last=3)]
    assert [of.kind for of in beside(done, "saliency", EDIT_OF_TARGETS)] == ["carry"]


def test_an_edit_is_varied(done: StudyFolder) -> None:
    found = act.experiment(done, pictures=2, trials=1, settings={"last": 2, "strength": 2}, vary=True)
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


def test_whether_pictures_are_still_of_their_kind(painter: Painter, tmp_path: Path) -> None:
    seeing = replace(painter, loaded=replace(painter.loaded, classifier=Recognising()))
    edit = Edit(kind="carry", strength=1.0, first=1, last=3)
    size = {"pictures": 4, "progress": Progress()}
    conditions = ("null", "intervened", "own_mask")

    def some(painter: Painter, aim: str, edits: tuple[Edit, ...]) -> dict[str, Paint]:
        every = controls(painter, aim, edits[0])
        return {name: every[name] for name in conditions}

    comparison = Comparison("saliency", (edit,), some, 2)
    run_experiment(seeing, comparison, tmp_path / "e", **size)
    found = distances(seeing.study, tmp_path / "e")
    assert set(found["frechet"]) == {*conditions, "null, one half from the other"} - {"null"}
    assert set(found["kernel"]) == {*conditions} - {"null"}
    assert found["frechet"]["own_mask"] < 1e-3 * found["frechet"]["intervened"]
    parts = [load_file(path) for path in sorted((tmp_path / "e").glob("*.safetensors"))]
    before, after = (
        torch.cat([part[name] for part in parts]).double().numpy() for name in ("null", "intervened")
    )
    prompts = [0, 1, 0, 1, 2, 2]  # batches of two, of each two targets
    expected = kernel_distance(after, before, np.array(prompts))
    assert found["kernel"]["intervened"] == pytest.approx(asdict(expected))
    run_experiment(painter, comparison, tmp_path / "f", **size)
    assert distances(painter.study, tmp_path / "f") == {}
