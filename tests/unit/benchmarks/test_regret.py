"""Regret against cost of made-up pictures whose layout is known, predicted perfectly or not at all."""

import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.regret.analyse import analyse, layout_rows, recall
from benchmarks.regret.curves import curve, front, points
from benchmarks.regret.kept import Collection, Pictures
from benchmarks.regret.schedules import Seconds
from benchmarks.regret.scores import Table
from benchmarks.regret.tables import markdown
from underpainting.seeds.layout import Maps

PROMPTS, SEEDS, STEPS = 20, 8, 15
SECONDS = Seconds(0.1, 1.0, {"random": 0.0, "noise": 0.01, "estimator": 3.0, "probe": 0.05}, 2.0, 1.0)


def drawn(count: int, seed: int) -> Maps:
    """Discs of any place and size, with depth and light of their own, on 12 x 12 cells."""
    rng = torch.Generator().manual_seed(seed)
    place, size, slope = torch.rand(2, count, 1, 1, generator=rng), 0.15, torch.randn(2, count, generator=rng)
    cells = (torch.arange(12.0) + 0.5) / 12
    down, across = cells[:, None] - place[0], cells[None, :] - place[1]
    radius = size + 0.2 * torch.rand(count, 1, 1, generator=rng)
    light = slope[0, :, None, None] * cells[:, None] + slope[1, :, None, None] * cells
    there = (torch.hypot(down, across) < radius).float()
    return {"saliency": there, "depth": there + cells[:, None], "shading": light}


def mixed(maps: Maps, seed: int) -> dict[str, Tensor]:
    """The same maps, each of another picture."""
    order = torch.randperm(len(maps["saliency"]), generator=torch.Generator().manual_seed(seed))
    return {name: of[order] for name, of in maps.items()}


def pictures(count: int, seed: int) -> Pictures:
    """The probe reads the finished picture in its second way, from step 1 on; others read another one's."""
    final = drawn(count, seed)
    probe = {("probe", step): {"first": mixed(final, 7), "second": final} for step in (1, 3)}
    estimator = {("estimator", step): {"estimator": mixed(final, step)} for step in (1, 3)}
    return Pictures(final, {**probe, **estimator, ("noise", 0): {"noise": mixed(final, 9)}})


@pytest.fixture(scope="module")
def collected() -> Collection:
    return Collection(
        prompts=tuple(map(str, range(PROMPTS))),
        seeds=SEEDS,
        steps=STEPS,
        tried=pictures(PROMPTS * SEEDS, 0),
        taught=pictures(24, 1),
        wanted=drawn(PROMPTS, 2),
        seconds=SECONDS,
        machine={"processor": "a processor", "threads": 1},
    )


def test_a_perfect_prediction_has_no_regret_at_once_and_others_have(collected: Collection) -> None:
    results = analyse(collected)
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    of_probe = [row for row in results["points"] if row["source"] == "probe"]
    assert any(row["is_search"] for row in of_probe)
    for row in of_probe:
        assert row["regret"]["mean"] == pytest.approx(0, abs=1e-9)
        assert row["kept"]["mean"] == pytest.approx(1)
    goals = {(row["share"], row["source"]): row for row in results["goals"]}
    assert goals[0.22, "probe"]["reached"]
    assert not goals[0.22, "noise"]["reached"]
    assert goals[0.22, "noise"]["gain"]["low"] < goals[0.22, "random"]["gain"]["mean"] + 0.3
    apart = {(row["by"], row["at"], row["against"]): row for row in results["paired"]}
    assert all(apart[cost, "mean", "noise"]["high"] < 0 for cost in ("evaluations", "wall"))
    assert results["curves"]["wall"]["probe"][0]["cost"] < results["curves"]["wall"]["estimator"][0]["cost"]
    text = markdown(results)
    assert "which is reached: 1.00 (1.00 to 1.00)" in text
    assert "| smaller |" in text


def test_layouts_that_are_predicted_perfectly_correlate_and_are_recalled(collected: Collection) -> None:
    final = collected.tried.final
    predicted = {("probe", 1): {"first": final}, ("noise", 0): {"noise": mixed(final, 9)}}
    own = replace(collected, tried=Pictures(final, predicted))
    rows = {(row["source"], row["step"]): row for row in layout_rows(own)}
    for name in ("across", "down", "size", "depth", "light_across", "recall left", "recall right"):
        assert rows["probe", 1][name]["mean"] == pytest.approx(1)
    assert abs(rows["noise", 0]["across"]["mean"]) < 0.4


def test_random_points_are_the_exact_expectation() -> None:
    rng = np.random.default_rng(0)
    target = rng.random((2, 3, 6))
    nothing = np.zeros_like(target)
    predicted = {(source, 0): nothing for source in ("random", "noise")}
    predicted |= {(source, 1): target for source in ("estimator", "probe")}
    tried = points(Table(("a", "b"), target, predicted, {}), STEPS, SECONDS)
    for count in (1, 2, 3):
        point = next(of for of in tried if of.source == "random" and of.words == f"{count} after 0")
        best = np.mean([target[..., list(of)].max(-1) for of in combinations(range(6), count)], axis=0)
        np.testing.assert_allclose(point.values["ratio"], best / target.max(-1))
        np.testing.assert_allclose(point.values["difference"], target.max(-1) - best)
        assert point.cost["evaluations"] == pytest.approx(count / 6)
        assert (count == 1) == bool(np.allclose(point.values["gain"], 0))


def test_a_curve_goes_along_the_best_for_their_cost_and_is_not_defined_below_them() -> None:
    rng = np.random.default_rng(0)
    target = rng.random((1, 4, 6))
    predicted = {(source, 0): np.zeros_like(target) for source in ("random", "noise")}
    predicted |= {(source, 1): target for source in ("estimator", "probe")}
    tried = points(Table(("a",), target, predicted, {}), STEPS, SECONDS)
    chance = [of for of in tried if of.source == "random"]
    one, two = (next(of for of in chance if of.words == f"{n} after 0").by_prompt("regret") for n in (1, 2))
    line = curve(chance, "evaluations", [0.1, 1 / 6, 1 / 4, 1 / 3])
    assert np.isnan(line[0]).all()
    np.testing.assert_allclose(line[1:], [one, (one + two) / 2, two])
    assert front(np.array([1.0, 2.0, 3.0, 2.0]), np.array([0.5, 0.6, 0.1, 0.4])).tolist() == [0, 3, 2]


def test_recall_is_of_the_greatest_fifth() -> None:
    final = np.arange(40.0)
    assert recall(final, final) == 1
    assert recall(-final, final) == 0
    half = final.copy()
    half[[16, 17]] = -1  # two of the first twenty's greatest four
    assert recall(half, final) == pytest.approx((0.5 + 1) / 2)
    assert recall(np.array([np.nan, 3, 2, 1, 0]), np.array([0, 9, 2, 1, np.nan])) == 1
