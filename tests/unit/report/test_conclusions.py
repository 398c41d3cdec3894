"""What is concluded from scores whose answer is known."""

from pathlib import Path

import numpy as np
import pytest

from underpainting.controls import sources
from underpainting.findings.cubes import Scores
from underpainting.findings.intervals import ENOUGH, cluster_draws, drawn_means
from underpainting.probes import ProbeSet
from underpainting.probes.files import Best
from underpainting.report.conclusions import conclusions, differences, differences_table
from underpainting.report.contents import Contents
from underpainting.report.tables import score_table, step_table
from underpainting.report.verdicts import findings, study_headlines, summary
from underpainting.study.request.config import StudyConfig
from underpainting.study.study import StudyFolder


def study(pictures: int = 40, emergence: int | None = 1, **levels: tuple[float, float]) -> Contents:
    """One property, a prompt a picture, two steps; each source's mean scores at them."""
    rng = np.random.default_rng(0)
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
    return Contents(
        StudyFolder(Path("study"), StudyConfig(), (), ()),
        ProbeSet({}, (), 2, ("conditional",), {"depth": Best("up.1.0", "spearman")}, "", {}),
        Scores(names, np.arange(pictures), ("up.1.0",), 2, cubes, names),
        emergence=(
            {**bar, "step": 1, "low": 1, "high": 2},
            {**bar, "criterion": "emergence", "step": emergence, "low": 1, "high": None},
        ),
    )


FITTED = {"latents__noisy": (0.4, 0.5), "network__clean": (0.6, 0.6), "permuted": (0.3, 0.3)}


def said(**levels: tuple[float, float]) -> str:
    """The conclusion of a study whose probe scores 0.7 at the first of two steps, 0.8 at the last."""
    given = study(probe=(0.7, 0.8), **levels)
    heads = study_headlines(given)
    (conclusion,) = conclusions(heads, differences(given, heads))
    return " ".join(conclusion.sentences)


def first_said(pictures: int = 40, **levels: tuple[float, float]) -> tuple[str, str, dict[str, str]]:
    """The page's first sentences, the card's verdict, and its facts."""
    given = study(pictures, probe=(0.7, 0.8), **levels)
    heads = study_headlines(given)
    (finding,) = findings(heads, score_table(given), step_table(given))
    return summary(heads), finding.verdict, dict(finding.facts)


def test_differences_are_paired_and_at_both_steps() -> None:
    given = study(probe=(0.7, 0.8), position=(0.5, 0.5), **FITTED)
    heads = study_headlines(given)
    rows = differences(given, heads)
    controls = ("position", "latents:noisy", "network:clean", "permuted")
    assert {(row.control, row.step) for row in rows} == {(of, step) for of in controls for step in (1, 2)}
    row = next(row for row in rows if (row.control, row.step) == ("network:clean", 1))
    assert row.mean == pytest.approx(0.1, abs=0.02) and row.score == pytest.approx(0.6, abs=0.05)
    assert row.high - row.low < 0.03  # what is hard for both is not in it: unpaired it would be above 0.06
    assert all(row.side == 1 for row in rows)
    table = differences_table(rows, heads)
    assert table.columns == (("depth", 1), ("depth", 2))
    assert [words for words, _ in table.lines] == [sources()[key].title for key in controls]


def test_what_beats_all_fitted_readers_is_held_inside() -> None:
    words = said(position=(0.5, 0.5), **FITTED)
    assert "held in the trained network" in words and words.startswith("Emergence: from step 1 (1 or later).")


def test_a_control_as_good_takes_the_conclusion_away() -> None:
    words = said(position=(0.5, 0.5), **FITTED | {"network__clean": (0.71, 0.6)})
    assert "At step 1: not above the small network on the predicted clean latents, so that" in words
    assert "At step 2: above every reader" in words
    words = said(position=(0.5, 0.5), **FITTED | {"permuted": (0.75, 0.9), "network__clean": (0.9, 0.9)})
    both = "the small network on the predicted clean latents and permuted weights on the same latents"
    assert f"At step 1, and at the last: not above {both}" in words and "held in" not in words


def test_harder_controls_are_asked_for() -> None:
    words = said(position=(0.5, 0.5), latents__noisy=(0.4, 0.5))
    assert "the controls network, permuted and fresh would try harder" in words


def test_a_score_that_a_control_explains_is_no_finding() -> None:
    first, verdict, facts = first_said(position=(0.8, 0.8), latents__noisy=(0.9, 0.9))
    sentence = first.split(". ")[0]
    assert (
        "nothing is read off the denoiser" in sentence and "is no finding: level with position alone" in first
    )
    assert (
        verdict.startswith("No finding: level with position alone (") and facts["emergence"] == "no finding"
    )
    assert "linear probe of the noisy latents" in facts["strongest control"]
    first, verdict, facts = first_said(position=(0.5, 0.5), latents__noisy=(0.9, 0.9))
    assert verdict.startswith("Not shown to be held inside the network: below the linear probe of the noisy")
    assert "not shown to be held inside" in first and "Emergence: depth from step 1." in first


def test_a_score_above_its_controls_names_the_strongest() -> None:
    first, verdict, facts = first_said(position=(0.5, 0.5), **FITTED)
    assert verdict.startswith("Above every control that could explain it, the strongest by 0.2")
    assert facts["strongest control"].endswith("small network on the predicted clean latents")
    assert "one linear map per token reads depth (rank 0." in first


def test_few_prompts_get_no_verdict() -> None:
    first, verdict, _ = first_said(pictures=ENOUGH - 1, position=(0.9, 0.9))
    assert (
        verdict.startswith(f"{ENOUGH - 1} test prompts are too few for a verdict")
        and "no finding" not in first
    )
    assert "too few for a verdict" in first
    assert "No finding" in first_said(pictures=ENOUGH, position=(0.9, 0.9))[1]


def test_intervals_of_enough_prompts_hold_the_mean_and_of_few_do_not() -> None:
    rng = np.random.default_rng(0)

    def held(prompts: int) -> float:
        share = []
        for mean, values in (
            (0, rng.normal(0, 1, (1000, prompts))),
            (1, rng.exponential(1, (1000, prompts))),
        ):
            drawn = drawn_means(values, cluster_draws(np.arange(prompts), count=500))
            low, high = np.percentile(drawn, (2.5, 97.5), axis=0)
            share.append(float(((low <= mean) & (mean <= high)).mean()))
        return min(share)

    assert held(ENOUGH) > 0.89 > held(ENOUGH // 2)
