"""Probes on pictures unlike those they were fitted to: against ridge regression written out in numpy."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from benchmarks.faults import contents
from tests.pipeline.study.conftest import tiny_rows
from underpainting import workflow
from underpainting.diffusion import Model
from underpainting.errors import UnderpaintingError
from underpainting.probes import Key
from underpainting.questions.transfer import transfer, word_of
from underpainting.study.environment import load_study
from underpainting.study.study import StudyFolder, create_study


@pytest.fixture
def done(named_study: Callable[[str], StudyFolder], tmp_path: Path) -> StudyFolder:
    """A study of red and blue things."""
    colours = ["red", "blue", "red"]
    rows = [replace(row, prompt=f"{colours[i % 3]} {row.prompt}") for i, row in enumerate(tiny_rows())]
    study = create_study(tmp_path / "coloured", named_study("plain").config, rows)
    workflow.run(study.folder)
    return study


def test_words_left_out_of_fitting(done: StudyFolder) -> None:
    before = contents(done.folder)
    found = transfer(done, words=["Blue"])
    assert contents(done.folder) == before
    of_split = {
        split: [row for row, of in zip(done.rows, done.splits, strict=True) if of == split]
        for split in ("fit", "test")
    }
    kept = {
        "fit": [row for row in of_split["fit"] if "blue" not in row.prompt],
        "test": [row for row in of_split["test"] if "blue" in row.prompt],
    }
    assert kept["fit"] and kept["test"] and len(kept["fit"]) < len(of_split["fit"])

    # The same by hand: shading at step 3, pictures made by `denoise`, one ridge regression in numpy.
    loaded, probes = load_study(done.config), done.probes
    layer = probes.best_layer("shading")
    grid = next(known.grid for known in loaded.places.watched if known.name == layer)
    x, shading = {}, {}
    for split, rows in kept.items():
        seen: list[torch.Tensor] = []
        made = loaded.model.denoise(
            [row.prompt for row in rows],
            [row.seed for row in rows],
            steps=3,
            watch=[layer],
            on_step=lambda record, seen=seen: seen.append(
                record.activations[layer]["conditional"].double().clone()
            ),
        )
        pictures = (loaded.model.decode(made.latents) * 255).round() / 255
        x[split], shading[split] = seen[2].numpy(), loaded.estimator(pictures)["shading"].double().numpy()
    side = 32 // grid[0]
    cells = shading["fit"].reshape(-1, grid[0], side, grid[1], side).mean((2, 4)).reshape(-1)
    tokens = x["fit"].reshape(len(cells), -1)
    centred = tokens - tokens.mean(0)
    strength = probes.entries[Key("shading", layer, 3, "conditional")].strength
    penalty = strength * centred.var(0).mean() * len(tokens) * np.eye(centred.shape[1])
    weight = np.linalg.solve(centred.T @ centred + penalty, centred.T @ (cells - cells.mean()))
    wanted = [
        spearmanr(np.kron(read.reshape(grid), np.ones((side, side))).ravel(), label.ravel()).statistic
        for read, label in zip(x["test"] @ weight, shading["test"], strict=True)
    ]
    row = next(r for r in found if (r.property, r.step, r.unlike) == ("shading", 3, "Blue"))
    assert (row.pictures, row.metric, row.layer) == (len(kept["test"]), "spearman", layer)
    assert row.score == pytest.approx(np.mean(wanted), abs=5e-3)
    assert row.difference == pytest.approx(row.score - row.known) and row.low <= row.difference <= row.high
    assert {r.unlike for r in found} == {"Blue"}  # of one word, all words are that one
    places = [(r.property, r.layer, r.step) for r in found]
    assert len(set(places)) == len(places)


def test_other_prompts(done: StudyFolder, tmp_path: Path) -> None:
    own = [row for row, of in zip(done.rows, done.splits, strict=True) if of == "test"]
    lines = ["prompt,seed,prompt_ind", *(f"{row.prompt},{row.seed},{row.prompt_ind}" for row in own)]
    file = tmp_path / "again.csv"
    file.write_text("\n".join(lines) + "\n")
    for row in transfer(done, prompts=str(file)):  # the study's own test pictures
        assert row.unlike == str(file) and row.pictures == len(own)
        assert row.score == pytest.approx(row.known, abs=2e-3)
        assert row.low <= 0 <= row.high


def test_what_cannot_be_carried_over(done: StudyFolder) -> None:
    with pytest.raises(UnderpaintingError, match="no fit prompt has the word 'green'"):
        transfer(done, words=["green"])
    with pytest.raises(UnderpaintingError, match="every fit prompt has the word 'thing'"):
        transfer(done, words=["thing"])
    with pytest.raises(UnderpaintingError, match="nothing to carry over to"):
        transfer(done)


def test_pictures_of_no_prompt_have_the_test_seeds(
    done: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, run = [], Model.run

    def watched(self: Model, prompts: list[str], seeds: list[int], *request: Any, **options: Any) -> Any:
        asked.extend(zip(prompts, seeds, strict=True))
        return run(self, prompts, seeds, *request, **options)

    monkeypatch.setattr(Model, "run", watched)
    found = transfer(done, empty_prompt=True)
    seeds = [row.seed for row, split in zip(done.rows, done.splits, strict=True) if split == "test"]
    assert sorted(asked) == [("", seed) for seed in sorted(seeds)]
    assert {row.unlike for row in found} == {"empty prompt"} and {row.pictures for row in found} == {
        len(seeds)
    }
    assert all(row.low < row.difference < row.high for row in found if np.isfinite(row.difference))


def test_a_word_is_a_whole_word_in_any_case() -> None:
    assert word_of("A Car, on a carpet", ["carpet", "car"]) == "carpet"
    assert word_of("A Car, on a carpet", ["car"]) == "car"
    assert word_of("on a carpet", ["car"]) == ""
