"""Seeds searched and previewed, on a tiny study of three steps: cuts after the first and the second."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from underpainting import Study
from underpainting.cli import main
from underpainting.errors import UnderpaintingError, UnsoundPictures
from underpainting.progress import Progress
from underpainting.records import SEARCHED, read_table
from underpainting.seeds import preview as previewing
from underpainting.seeds import search as searching
from underpainting.seeds.begun import Begun
from underpainting.seeds.noise import noise_of
from underpainting.seeds.preview import preview
from underpainting.seeds.search import not_worth, search
from underpainting.seeds.searched import Searched
from underpainting.seeds.wording import parse_wish, parse_wishes
from underpainting.study.batch import to_bytes
from underpainting.study.damage import find_damage
from underpainting.study.environment import Loaded, reload
from underpainting.study.paths import is_data
from underpainting.study.study import StudyFolder

PROMPT, SEEDS = "a thing number 3", range(6)


@pytest.fixture(scope="module")
def loaded(acted_on: StudyFolder) -> Loaded:
    """What the study was run with, loaded once."""
    return reload(acted_on)


@pytest.fixture(autouse=True)
def _loaded_once(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading costs more than all else of a tiny search."""
    for module in (searching, previewing):
        monkeypatch.setattr(module, "reload", lambda study: loaded)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sheets cost most of the rest, and most tests look at none."""
    monkeypatch.setattr(searching, "sheets", lambda race: {"sheet.png": b"none"})


class Heard(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.made = 0.0

    def advance(self, made: float) -> None:
        self.made += made

    def note(self, line: str) -> None:
        self.notes.append(line)


def searched(
    study: StudyFolder, wish: Any = "left third", progress: Progress | None = None, **more: Any
) -> Searched:
    asked: dict[str, Any] = {"seeds": SEEDS, "finish": 2, **more}
    return search(study, PROMPT, [wish], progress=progress, **asked)


def whole(study: StudyFolder, loaded: Loaded, seeds: list[int]) -> torch.Tensor:
    """Pictures made without a stop, uint8 [picture, height, width, 3]."""
    model, config = loaded.model, study.config.model
    latents = model.denoise(
        [PROMPT] * len(seeds), seeds, steps=config.steps, guidance_scale=config.guidance_scale
    ).latents
    return to_bytes(model.decode(latents)).permute(0, 2, 3, 1)


def test_what_is_found_is_as_if_never_stopped_and_best_first(done: StudyFolder, loaded: Loaded) -> None:
    made = searched(done)
    assert (
        len(made.seeds) == 2
        and [made.scores[seed] for seed in made.seeds] == sorted(made.scores.values())[::-1]
    )
    pictures = whole(done, loaded, made.seeds)
    for seed, picture in zip(made.seeds, pictures.numpy(), strict=True):
        kept = np.asarray(Image.open(made.folder / "pictures" / f"seed_{seed}.png")).astype(int)
        assert np.abs(kept - picture).max() <= 1  # the last digits of a network are its batch's
        assert np.array_equal(made.pictures[seed], kept)
    wish = parse_wish("left third", lambda name: {})
    labels = loaded.estimator(
        torch.stack([torch.from_numpy(made.pictures[of]) for of in made.seeds]).permute(0, 3, 1, 2) / 255
    )
    assert wish.score(labels).tolist() == pytest.approx([made.scores[seed] for seed in made.seeds], abs=0.01)
    table = read_table(made.folder / "seeds.parquet", SEARCHED).to_pandas()
    assert sorted(table["seed"]) == [*SEEDS] and table["score"].notna().sum() == 2
    assert pd.read_csv(made.folder / "seeds.csv")["seed"].tolist() == made.table["seed"].tolist()
    assert (made.folder / "sheet.png").is_file() and (made.folder / "previews.png").is_file()
    at_end = made.table[made.table["step"] == 3]
    spent = int(made.table["step"].sum())
    assert (
        set(at_end["seed"]) == set(made.seeds)
        and made.cost.evaluations == spent < 18 == made.cost.evaluations_of_all
    )
    assert find_damage(done) == []


@pytest.mark.usefixtures("undrawn")
def test_the_same_search_is_read_and_another_in_its_folder_refused(done: StudyFolder, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first, heard = searched(done, out=out), Heard()
    again = searched(done, out=out, progress=heard)
    assert again.rows == first.rows and again.cost == first.cost and heard.made == 0
    assert "holds this search already" in heard.notes[0]
    with pytest.raises(UnderpaintingError, match="holds another search"):
        searched(done, "top", out=out)
    (tmp_path / "taken").mkdir()
    with pytest.raises(UnderpaintingError, match="is there already"):
        searched(done, out=tmp_path / "taken")
    (out / "sheet.png").write_bytes(b"x")
    with pytest.raises(UnderpaintingError, match="contents changed; remove it"):
        searched(done, out=out)


@pytest.mark.usefixtures("undrawn")
def test_stopped_at_any_batch_it_goes_on_and_makes_nothing_twice(
    done: StudyFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted = searched(done, out=tmp_path / "one")
    for path in done.seeds_folder.glob("begun-*/*/*"):
        path.unlink()
    made, original, left = Heard(), Begun._made, 0

    def stopped(self: Begun, *args: Any) -> Any:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        return original(self, *args)

    for _ in range(9):
        left = 2
        with monkeypatch.context() as patch:
            patch.setattr(Begun, "_made", stopped)
            try:
                again = searched(done, out=tmp_path / "two", progress=made)
                break
            except KeyboardInterrupt:
                assert not (tmp_path / "two").exists()
    assert made.made == wanted.cost.evaluations
    assert [row.seed for row in again.rows] == [row.seed for row in wanted.rows]
    assert again.scores == pytest.approx(wanted.scores)


@pytest.mark.usefixtures("undrawn")
def test_another_wish_and_a_preview_take_up_what_was_made(done: StudyFolder) -> None:
    heard = Heard()
    shown = preview(done, PROMPT, seeds=SEEDS, step=2, wishes=["top"], progress=heard)
    assert heard.made == 12 and shown.file.read_bytes().startswith(b"\x89PNG")
    scores = [row["predicted"] for row in shown.rows]
    assert scores == sorted(scores, reverse=True) and {row["seed"] for row in shown.rows} == {*SEEDS}
    assert all(0 <= row["across"] <= 1 for row in shown.rows)
    searched(done)  # which learns from calibrate pictures once
    heard = Heard()
    made = searched(done, "top", progress=heard)
    assert [lesson.step for lesson in made.lessons] == [2]  # all were there already
    assert made.cost.reused >= 12 and heard.made == made.cost.evaluations - made.cost.reused <= 2


def test_the_estimator_may_predict_and_a_function_may_wish(done: StudyFolder) -> None:
    made = searched(done, lambda maps: maps["shading"].mean((1, 2)).clamp(0, 1), read="estimator")
    assert {lesson.way for lesson in made.lessons} == {"estimator"}
    assert made.cost.decodings > 2 + 2
    assert "<lambda>" in made.asked["wish"]


def test_by_the_noise_no_seed_is_begun_that_is_not_finished(done: StudyFolder, loaded: Loaded) -> None:
    heard = Heard()
    found = searched(done, read="noise", seeds=range(40), progress=heard)
    assert bool(found.lessons[0].slope) != any("go by chance" in line for line in heard.notes)
    assert [(cut.step, cut.way) for cut in found.lessons] == [(0, "noise")]
    assert found.cost.evaluations == 2 * 3 and found.cost.evaluations_of_all == 40 * 3
    foretold = {row.seed: row.predicted for row in found.rows}
    assert set(found.seeds) == set(sorted(foretold, key=lambda seed: -foretold[seed])[:2])
    assert [row.step for row in found.rows] == [3, 3, *[0] * 38]
    for kept, picture in zip(found.pictures.values(), whole(done, loaded, found.seeds), strict=True):
        assert np.abs(kept.astype(int) - picture.numpy()).max() <= 1
    assert (found.folder / "sheet.png").is_file() and (found.folder / "previews.png").is_file()


def test_the_noise_that_is_read_is_what_pictures_begin_with(loaded: Loaded) -> None:
    begun: list[torch.Tensor] = []
    model = loaded.model
    model.denoise([PROMPT] * 2, [3, 8], steps=3, on_step=lambda record: begun.append(record.latents))
    ratio = begun[0] / noise_of(model, [3, 8])
    assert torch.allclose(ratio, ratio.flatten()[0].expand_as(ratio), rtol=1e-5)


def test_from_python(done: StudyFolder) -> None:
    made = Study.open(done.folder).search(
        PROMPT, ["like prompt_0_seed_100", "near * 2"], seeds=5, finish=1, progress=False
    )
    assert len(made.scores) == 1 and "<img" in made._repr_html_() and len(made.table) == 5
    assert re.fullmatch(r"like prompt_0_seed_100 \(\w{8}\), near \* 2", made.asked["wish"])


def test_all_are_finished_where_as_many_are_wanted(done: StudyFolder) -> None:
    made = searched(done, seeds=[4, 9], finish=2)
    assert set(made.seeds) == {4, 9} and made.lessons == () and made.cost.share == 1
    assert not (made.folder / "previews.png").exists()


@pytest.mark.usefixtures("undrawn")
def test_unsound_seeds_are_left_out(done: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    original, heard = Begun._denoise, Heard()

    def unsound(self: Begun, seeds: list[int], watching: Any) -> Any:
        if 3 in seeds:
            raise UnsoundPictures({seeds.index(3): "it is not finite"})
        return original(self, seeds, watching)

    monkeypatch.setattr(Begun, "_denoise", unsound)
    made = searched(done, progress=heard)
    assert 3 not in made.seeds and "seed 3 is left out: it is not finite" in heard.notes


def test_what_seeds_do_not_decide_is_not_worth_it(done: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    class Decided:
        other_seed, deviation, pays = 0.03, 0.2, False

    monkeypatch.setattr(searching, "worth", lambda study, quantity: Decided())
    wish = parse_wishes(["left", "top"], lambda name: {})
    said = "not worth it here: another seed changes only 3 % of across and 3 % of down"
    assert not_worth(done, wish) == said
    monkeypatch.setattr(searching, "worth", lambda study, quantity: None)
    assert not_worth(done, wish) is None


def test_what_was_begun_is_not_taken_from_strangers() -> None:
    assert is_data("seeds/lessons.safetensors") and is_data("seeds/search-0123/search.json")
    assert not is_data("seeds/begun-0123/0001/4567.safetensors")


@pytest.mark.usefixtures("undrawn")
def test_damage_is_told(done: StudyFolder) -> None:
    searched(done)
    file = sorted(done.seeds_folder.glob("begun-*/0001/*.safetensors"))[0]
    file.write_bytes(b"x")
    with pytest.raises(UnderpaintingError, match="contents changed; remove it"):
        searched(done, "top")
    assert [damage.path for damage in find_damage(done)] == [file]


@pytest.mark.usefixtures("undrawn")
def test_the_commands_print_tables_and_json(done: StudyFolder, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [str(done.folder), "--prompt", PROMPT, "--wish", "left", "--seeds", "0:4"]
    with pytest.raises(SystemExit) as left:
        main(["preview", *asked[:-1], "0:12", "--steps", "1"])
    head, *rows, more, last = capsys.readouterr().out.splitlines()
    assert left.value.code == 0 and head.split()[:3] == ["seed", "predicted", "across"]
    assert len(rows) == 10 and more.startswith("and 2 more") and last.startswith("done: ")
    with pytest.raises(SystemExit):
        main(["search", *asked, "--finish", "1"])
    shown = capsys.readouterr().out
    assert "network evaluations" in shown and "done: " in shown
    best, file = re.search(r"^seed (\d) meets it best: (.+)$", shown, flags=re.M).groups()  # type: ignore[union-attr]
    assert Path(file).name == f"seed_{best}.png" and Path(file).is_file()
    with pytest.raises(SystemExit):
        main(["search", *asked, "--finish", "1", "--json"])
    about = json.loads(capsys.readouterr().out)
    assert len(about["seeds"]) == 4 and 0 < about["cost"]["share"] < 1


BAD = {
    "wish outside": (["--wish", "center 1.5,0"], "lies outside the picture"),
    "box outside": (["--wish", "box 0.5,0.5,1.5,1"], "lies outside the picture"),
    "empty mask": (["--wish", "mask BLACK"], "all of one colour"),
    "no wish": ([], "no wish is given"),
    "unknown word": (["--wish", "lefft"], "did you mean 'left'?"),
    "more than made": (
        ["--wish", "left", "--among", "3", "--finish", "4"],
        "4 pictures are to be finished of 3",
    ),
    "no range": (["--wish", "left", "--seeds", "0-64"], "seeds 0-64 are no range"),
    "empty range": (["--wish", "left", "--seeds", "5:5"], "seeds 5:5 are no range"),
    "negative seeds": (["--wish", "left", "--seeds=-3:4"], "are no range"),
    "a seed twice": (["--wish", "left", "--seeds", "1,1"], "seeds 1,1 are no range"),
    "both": (["--wish", "left", "--seeds", "0:9", "--among", "9"], "not both"),
    "no way to read": (["--wish", "left", "--read", "eyes"], "seeds are read by probe, estimator and noise"),
    "no picture": (["--wish", "like prompt_0_seed_99"], "is no picture of"),
    "no function": (["--wish", "no_such_thing:score"], "cannot be imported"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(
    acted_on: StudyFolder, case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, line = BAD[case]
    Image.new("L", (32, 32)).save(tmp_path / "black.png")
    options = [of.replace("BLACK", str(tmp_path / "black.png")) for of in options]
    with pytest.raises(SystemExit) as left:
        main(["search", str(acted_on.folder), "--prompt", "a", *options])
    shown = capsys.readouterr()
    assert left.value.code == 2 and shown.out == "" and line in shown.err
    told = [of for of in shown.err.splitlines() if of.startswith("underpainting: ")]
    assert len(told) == len(shown.err.splitlines()) == 1
    assert not acted_on.seeds_folder.exists()


def test_what_no_probe_reads_cannot_be_wished_for(done: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    of_probes = done.probes
    entries = {key: of for key, of in of_probes.entries.items() if key.property != "depth"}
    lacking = type(of_probes)(**{**vars(of_probes), "entries": entries})
    monkeypatch.setattr(type(done), "probes", property(lambda self: lacking))
    with pytest.raises(UnderpaintingError, match=r"wish 'near' needs depth, of which .* has no probes"):
        searched(done, "near")
    with pytest.raises(UnderpaintingError, match="--steps 3: give a number from 1 to 2"):
        preview(done, PROMPT, seeds=SEEDS, step=3)
