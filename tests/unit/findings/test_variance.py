"""What decides a quantity: components beside covariances, intervals where the truth is known, verdicts."""

import numpy as np
import pytest

from benchmarks import levels
from underpainting.findings.variance import (
    Decided,
    components,
    decided,
    sentences,
    variances,
    verdicts,
    whole,
)
from underpainting.records import LAYOUTS, make_table

WORDS = {"across": "place across"}


def crossed(
    prompt: float, seed: float, together: float, prompts: int = 12, seeds: int = 12, rng: int = 0
) -> np.ndarray:
    """Values [prompt, seed] of normal effects with these variances."""
    draw = np.random.default_rng(rng).normal
    scales = np.sqrt([prompt, seed, together])
    return (
        3 + scales[0] * draw(size=(prompts, 1)) + scales[1] * draw(size=(1, seeds))
        + scales[2] * draw(size=(prompts, seeds))
    )  # fmt: skip


def covariances(values: np.ndarray) -> tuple[float, float]:
    """Mean covariance of two seeds over prompts, and of two prompts over seeds: by definition of the model,
    the variances of prompt and seed.
    """
    found = []
    for columns in (values.T, values):
        matrix = np.cov(columns)
        found.append(float(matrix[~np.eye(len(matrix), dtype=bool)].mean()))
    return found[0], found[1]


@pytest.mark.parametrize("rng", range(6))
def test_components_are_the_covariances_of_pictures_that_share_a_prompt_or_a_seed(rng: int) -> None:
    values = crossed(2.0, 3.0, 0.5, prompts=5 + rng, seeds=9 - rng, rng=rng)
    row = decided(values)
    prompt, seed = covariances(values)
    together = float(np.mean(np.diag(np.cov(values)))) - seed
    assert row.deviation**2 == pytest.approx(prompt + seed + together)
    assert (row.prompt, row.seed, row.together) == pytest.approx(
        np.array([prompt, seed, together]) / (prompt + seed + together)
    )
    assert row.within**2 == pytest.approx(seed + together)
    assert row.other_seed == pytest.approx(row.seed + row.together)


def test_shares_do_not_depend_on_unit_or_order_and_the_two_sides_are_alike() -> None:
    values = crossed(1.0, 2.0, 1.0, prompts=7, seeds=10)
    row, order = decided(values), np.random.default_rng(1)
    for other in (4 * values - 9, values[order.permutation(7)][:, order.permutation(10)]):
        again = decided(other)
        assert (again.seed, again.prompt_low, again.seed_high) == pytest.approx(
            (row.seed, row.prompt_low, row.seed_high)
        )
    turned = decided(values.T)
    assert (turned.seed, turned.prompt, turned.together) == pytest.approx(
        (row.prompt, row.seed, row.together)
    )


def test_a_component_that_comes_out_below_nothing_counts_as_nothing() -> None:
    squares = np.array([[1.0], [8.0], [2.0]])
    assert components(squares, 3, 4)[:, 0].tolist() == [0.0, 2.0, 2.0]


def test_intervals_hold_known_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels, "VARIANCE_SIZES", (12,))
    held = [row for row in levels.simulate("variance", 10) if "holds" in row.found]
    assert len(held) == 18 and np.mean([row.share for row in held]) > 0.9


def test_values_that_are_not_defined_are_left_out_with_their_prompt_or_seed() -> None:
    values = crossed(1.0, 2.0, 1.0, prompts=6, seeds=5)
    values[2, [0, 1, 3]] = np.nan
    values[[0, 4], 4] = np.nan
    kept = values[[0, 1, 3, 4, 5]][:, :4]
    assert np.array_equal(whole(values), kept)
    row = decided(values)
    assert (row.prompts, row.seeds, row.seed) == (5, 4, decided(kept).seed)
    nothing = decided(np.full((3, 3), np.nan))
    assert np.isnan(nothing.seed) and nothing.pays is False


@pytest.mark.parametrize(
    ("parts", "pays", "said"),
    [
        ((0.01, 0.93, 0.06), True, "choosing seeds pays, and what is chosen for one prompt serves others"),
        ((0.01, 0.02, 0.97), True, "choosing seeds pays, for each prompt anew"),
        ((0.99, 0.0, 0.01), False, "choosing seeds does not pay"),
        ((1.0, 0.0, 0.0), False, "the seed decides 0 % (0 to 0 %) whatever the prompt"),
        ((0.9, 0.05, 0.05), None, "choosing seeds may pay or not"),
    ],
)
def test_the_verdict_follows_what_another_seed_changes(
    parts: tuple[float, float, float], pays: bool | None, said: str
) -> None:
    row = decided(crossed(*parts), "across")
    assert row.pays is pays
    (line,) = sentences([row], WORDS)
    assert line.startswith("across (place across): the seed decides") and said in line
    both = "across (place across), across (place across)"
    assert list(verdicts([row, row], WORDS)) == [f"{row.verdict}: {both}."]
    assert line.endswith(f": {row.verdict}.")
    alike = decided(np.full((4, 4), 0.5), "across")
    assert alike.pays is False and "the same in all pictures" in alike.sentence


def test_a_table_gives_a_row_a_quantity_and_step() -> None:
    values = crossed(1.0, 2.0, 1.0, prompts=3, seeds=4)
    cells = [
        (f"{i}-{j}", f"prompt {i}", j, step, name, scale * values[i, j])
        for i in range(3)
        for j in range(4)
        for step, scale in ((0, 1.0), (2, 5.0))
        for name in ("across", "size")
    ]
    table = make_table(LAYOUTS, dict(zip(LAYOUTS.names, map(list, zip(*cells, strict=True)), strict=True)))
    rows = variances([table], ("size", "across", "depth"))
    assert [(row.quantity, row.step) for row in rows] == [
        ("size", 0), ("size", 2), ("across", 0), ("across", 2)
    ]  # fmt: skip
    assert isinstance(rows[0], Decided) and rows[3].deviation == pytest.approx(5 * rows[2].deviation)
