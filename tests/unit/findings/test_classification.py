"""Recognition on classifications whose answer is known; calibration against scikit-learn."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from underpainting.findings.classification import (
    accuracies,
    calibration,
    calibration_error,
    leaders,
    noise_answer,
    probe_accuracies,
    read_seen,
    recognised,
)
from underpainting.findings.cubes import Scores
from underpainting.records import CLASSIFICATION, make_table

NAMES = ("lemon", "mug, cup", "car")


def table(*images: tuple[str, str, list[list[float]]], look: str = "clean") -> pa.Table:
    """Classifications of images given as name, prompt and probabilities [step][class]."""
    rows = []
    for image, prompt, steps in images:
        for step, of in enumerate(steps, start=1):
            order = sorted(range(len(of)), key=lambda i, of=of: -of[i])
            for rank, i in enumerate(order, start=1):
                rows.append((image, prompt, look, step if look != "final" else 0, rank, NAMES[i], of[i]))
    columns = zip(*rows, strict=True)
    return make_table(
        CLASSIFICATION, {name: list(of) for name, of in zip(CLASSIFICATION.names, columns, strict=True)}
    )


STEPS = [[0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.3, 0.4, 0.3], [0.7, 0.2, 0.1], [0.95, 0.05, 0]]
LEMON = ("a", "a lemon", STEPS)


def test_recognised_is_the_step_from_which_it_lasts() -> None:
    (seen,) = read_seen(table(LEMON))
    (found,) = recognised([seen])
    assert (found.right, found.first, found.sure, found.last) == ("lemon", 4, 5, 0.95)
    assert seen.first == ("mug, cup", "lemon", "mug, cup", "lemon", "lemon")
    assert leaders(seen) == ["mug, cup", "lemon"]


def test_never_is_an_answer_and_no_match_is_said() -> None:
    never = ("b", "a cup", [[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])
    nameless = ("c", "the sea", [[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])
    first, second = read_seen(table(never, nameless))
    (found,) = recognised([first, second])
    assert (found.image, found.first, found.sure) == ("b", None, None)
    assert second.right == () and {row.pictures for row in accuracies([first, second])} == {1}
    given_names = read_seen(table(nameless), right=["cup", "lemon"])
    assert recognised(given_names)[0].first == 1
    assert given_names[0].of_right == pytest.approx([0.7, 0.9])


def test_the_answer_to_noise_is_not_recognition() -> None:
    steps = [[0.1, 0.1, 0.8], [0.1, 0.1, 0.8]]
    images = [("a", "a car", steps), ("b", "a lemon", [steps[0], [0.9, 0.1, 0]])]
    noisy = read_seen(table(*images, look="noisy"))
    noise = noise_answer(noisy)
    assert noise is not None and (noise.name, noise.pictures, noise.share) == ("car", 2, 1.0)
    assert noise.probability == pytest.approx(0.8)
    clean = read_seen(table(*images))
    found = {(row.image, row.picture): (row.first, row.noise) for row in recognised([*noisy, *clean])}
    assert found["a", "noisy"] == (1, True) and found["b", "noisy"] == (2, False)
    assert found["a", "clean"] == (1, False)  # a predicted picture is not noise
    assert noise_answer(clean) is None


@given(st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), min_size=1, max_size=6))
def test_accuracy_is_the_share_of_right_first_classes(firsts: list[list[int]]) -> None:
    images = [
        (str(i), f"a car number {i}", [[0.8 if k == first else 0.1 for k in range(3)] for first in of])
        for i, of in enumerate(firsts)
    ]
    rows = accuracies(read_seen(table(*images)))
    assert [row.accuracy for row in rows] == pytest.approx((np.array(firsts) == 2).mean(0))
    assert all(np.isnan(row.low) if len(firsts) == 1 else row.low <= row.accuracy <= row.high for row in rows)


def test_calibration_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    images = []
    for i in range(300):
        of = rng.dirichlet(np.ones(3))
        images.append((str(i), f"a {rng.choice(['lemon', 'cup', 'car'])}", [list(of)]))
    seen = read_seen(table(*images, look="final"))
    rows = calibration(seen)
    confidence = np.array([of.confidence[0] for of in seen])
    right = np.array([of.is_right[0] for of in seen])
    shares, means = calibration_curve(right, confidence, n_bins=10)
    assert [row.accuracy for row in rows] == pytest.approx(shares)
    assert [row.probability for row in rows] == pytest.approx(means)
    gaps = [abs(r.probability - r.accuracy) * r.pictures for r in rows]
    assert calibration_error(rows) == pytest.approx(sum(gaps) / 300)
    assert recognised(seen) == []  # a finished picture has no steps


def test_the_class_probes_layer_is_chosen_on_calibrate_pictures() -> None:
    def scores(last: list[float]) -> Scores:
        cube = np.zeros((2, 3, 4))
        cube[:, 2] = np.array(last)[:, None]
        return Scores(tuple("abcd"), np.arange(4), ("one", "two"), 2, {("class", "accuracy", "probe"): cube})

    layer, rows = probe_accuracies(scores([0.2, 1.0]), scores([0.9, 0.8]))
    assert layer == "one" and [row.accuracy for row in rows] == pytest.approx([0, 0.2])
    nothing = Scores(("a",), np.zeros(1, int), ("one",), 2, {})
    assert probe_accuracies(nothing, nothing) == ("", [])
