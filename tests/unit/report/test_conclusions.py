"""What is concluded from scores whose answer is known."""

import numpy as np
import pytest

from underpainting.findings.cubes import Scores
from underpainting.findings.table import READERS
from underpainting.report.conclusions import RIVALS, against, conclusions
from underpainting.report.reading import Study


def study(**levels: tuple[float, float]) -> Study:
    """One property, forty prompts, two steps; each source's mean scores at them."""
    rng = np.random.default_rng(0)
    pictures = 40
    hard = rng.normal(0, 0.1, pictures)
    cubes = {}
    for source, means in levels.items():
        cube = np.full((1, 3, pictures), np.nan)
        for step, mean in enumerate(means, start=1):
            cube[0, step] = mean + hard + rng.normal(0, 0.02, pictures)
        if source == "position":
            cube[0, 0] = cube[0, 1]
        cubes["depth", "spearman", source.replace("__", ":").replace("_own", "-own")] = cube
    names = tuple(map(str, range(pictures)))
    bar = {"property": "depth", "layer": "best", "source": "probe", "criterion": "bar"}
    return Study(
        name="study",
        settings={},
        environment={},
        card={"properties": {"depth": {"metric": "spearman", "best_layer": "up.1.0"}}},
        branch="conditional",
        scores=Scores(names, np.arange(pictures), ("up.1.0",), 2, cubes, names),
        splits={},
        gallery=None,
        aside={},
        emergence=({**bar, "step": 1, "low": 1, "high": 2},),
        leads=(),
        seen=(),
        class_probe=("", ()),
        growth=(),
        acted=(),
        hashes={},
    )


FITTED = {"latents__noisy": (0.4, 0.5), "network__clean": (0.6, 0.6), "permuted": (0.3, 0.3)}


def said(**levels: tuple[float, float]) -> str:
    given = study(probe=(0.7, 0.8), **levels)
    (conclusion,) = conclusions(given, against(given))
    return " ".join(conclusion.sentences)


def test_differences_are_paired_and_at_both_steps() -> None:
    rows = against(study(probe=(0.7, 0.8), position=(0.5, 0.5), **FITTED))
    assert {(row.rival, row.step) for row in rows} == {
        (rival, step)
        for rival in ("position", "latents:noisy", "network:clean", "permuted")
        for step in (1, 2)
    }
    found = {(row.rival, row.step): row for row in rows}
    assert found["network:clean", 1].difference.mean == pytest.approx(0.1, abs=0.02)
    width = found["network:clean", 1].difference.high - found["network:clean", 1].difference.low
    assert width < 0.03  # what is hard for both is not in it: unpaired it would be above 0.06
    assert all(row.side == 1 for row in rows)


def test_what_beats_all_fitted_readers_is_held_inside() -> None:
    words = said(position=(0.5, 0.5), **FITTED)
    assert "held in the trained network" in words and "is at 0.9 of its last score from step 1 of 2" in words


def test_a_rival_as_good_takes_the_conclusion_away() -> None:
    words = said(position=(0.5, 0.5), **FITTED | {"network__clean": (0.71, 0.6)})
    assert "As a small network on the predicted clean latents does no worse" in words
    assert "held in" not in words
    words = said(position=(0.5, 0.5), **FITTED | {"permuted": (0.75, 0.6), "network__clean": (0.9, 0.9)})
    assert (
        "It is below the network with permuted weights and a small network" in words
        and "do no worse" in words
    )


def test_position_comes_first() -> None:
    words = said(position=(0.7, 0.7), **FITTED)
    assert "Where things usually stand explains that score" in words
    assert words.endswith("At the last step it is above position alone.")


def test_harder_rivals_are_asked_for() -> None:
    words = said(position=(0.5, 0.5), latents__noisy=(0.4, 0.5))
    assert "--network and --twins permuted,fresh would try harder ones" in words


def test_every_rival_has_words() -> None:
    assert set(READERS) - {"probe"} <= set(RIVALS)
