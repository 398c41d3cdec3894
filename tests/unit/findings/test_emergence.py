"""The emergence table on scores whose answer is known."""

import numpy as np
import pytest

from underpainting.findings.cubes import Scores
from underpainting.findings.emergence import emergence_table


def scores(curves: dict[str, list[float]], position: float, pictures: int = 60, seed: int = 0) -> Scores:
    """Probe curves by layer, noise of 0.01, two pictures a prompt; shuffled labels read nothing."""
    rng = np.random.default_rng(seed)
    layers, steps = tuple(curves), len(next(iter(curves.values())))
    probe = np.full((len(layers), steps + 1, pictures), np.nan)
    probe[:, 1:] = np.array(list(curves.values()))[..., None]
    probe += rng.normal(0, 0.01, probe.shape)
    still = np.full_like(probe, np.nan)
    still[:, 0] = position + rng.normal(0, 0.01, (len(layers), pictures))
    shuffled = np.full_like(probe, np.nan)
    shuffled[:, 1:] = position - 0.05
    cubes = {
        ("depth", "spearman", source): cube
        for source, cube in (("probe", probe), ("position", still), ("shuffled", shuffled))
    }
    images = tuple(str(i) for i in range(pictures))
    return Scores(images, np.arange(pictures) // 2, layers, steps, cubes)


def test_steps_intervals_and_the_layer_chosen_on_calibrate_pictures() -> None:
    early, late = [0.4, 0.78, 0.8, 0.8, 0.8], [0.4, 0.4, 0.4, 0.4, 0.9]
    test = scores({"up.1.0": early, "up.3.0": late}, 0.4)
    calibrate = scores({"up.1.0": early, "up.3.0": [0.4, 0.4, 0.4, 0.4, 0.7]}, 0.4, pictures=20, seed=1)
    rows = emergence_table(test, calibrate, {"depth": "spearman"}).to_pylist()
    assert len(rows) == 3 * 2 * 2
    of = {(row["layer"], row["source"], row["criterion"]): row for row in rows}
    assert [of["up.1.0", "probe", "emergence"][k] for k in ("step", "low", "high", "reached")] == [
        2,
        2,
        2,
        1.0,
    ]
    assert of["up.3.0", "probe", "emergence"]["step"] == 5
    best = {k: v for k, v in of["best", "probe", "emergence"].items() if k != "layer"}
    assert best == {k: v for k, v in of["up.1.0", "probe", "emergence"].items() if k != "layer"}
    shuffled = of["up.1.0", "shuffled", "emergence"]
    assert (shuffled["step"], shuffled["low"], shuffled["high"], shuffled["reached"]) == (None, None, None, 0)
    assert of["up.1.0", "probe", "bar"]["step"] == 2
    assert of["up.1.0", "shuffled", "bar"]["step"] is None


def test_doubt_about_the_layer_is_in_the_interval() -> None:
    """Two layers that calibrate pictures cannot tell apart, one early, one late."""
    early, late = [0.4, 0.8, 0.8, 0.8, 0.8], [0.4, 0.4, 0.4, 0.4, 0.8]
    test = scores({"a": early, "b": late}, 0.4)
    calibrate = scores({"a": early, "b": late}, 0.4, pictures=8, seed=2)
    rows = emergence_table(test, calibrate, {"depth": "spearman"}).to_pylist()
    best = next(
        r for r in rows if (r["layer"], r["source"], r["criterion"]) == ("best", "probe", "emergence")
    )
    assert (best["low"], best["high"]) == (2, 5) and best["reached"] == pytest.approx(1.0)


def test_an_opponent_overtakes_on_the_pictures_that_it_has_seen() -> None:
    test = scores({"a": [0.5, 0.6, 0.7, 0.8, 0.8], "b": [0.4] * 5}, 0.4)
    seen = np.arange(60) < 30
    test.cubes["depth", "spearman", "probe"][..., seen] -= 0.2  # the pictures seen are harder
    opponent = np.full((2, 6, 60), np.nan)
    opponent[:, 1:, seen] = np.array([0.1, 0.2, 0.55, 0.69, 0.69])[:, None]
    test.cubes["depth", "spearman", "estimator:clean"] = opponent
    calibrate = scores({"a": [0.5] * 5, "b": [0.4] * 5}, 0.4, pictures=20, seed=1)
    rows = emergence_table(test, calibrate, {"depth": "spearman"}).to_pylist()
    of = {(row["layer"], row["source"], row["criterion"]): row for row in rows}
    found = of["best", "estimator:clean", "overtakes"]
    assert (found["step"], found["low"], found["high"], found["reached"]) == (3, 3, 3, 1.0)
    assert ("a", "estimator:clean", "bar") not in of
    assert of["best", "estimator:clean", "bar"]["step"] == 4  # 0.9 of 0.7, the probe's last over all pictures
