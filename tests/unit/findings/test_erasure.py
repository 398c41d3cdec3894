"""Summaries of erasing on simulated scores of known means and differences, and what is said of them."""

import numpy as np
import pyarrow as pa
import pytest

from underpainting.findings.erasure import (
    ANOTHER,
    ERASED,
    LATER,
    NULL,
    ONCE,
    PICTURE,
    POSITION,
    RANDOM,
    SHUFFLED,
    THERE,
    TURNED,
    Erasure,
    erasures,
    is_control,
    sentences,
    title,
)
from underpainting.records import ERASED as SCHEMA
from underpainting.records import make_table

DEPTH = "other depth"
OWN = {NULL: 1.0, ERASED: 0.6, ONCE: 0.8, TURNED: 0.9, RANDOM: 0.9, SHUFFLED: 0.7, DEPTH: 0.8, ANOTHER: 0.3}
READ = {NULL: 0.9, ERASED: 0.2, ONCE: 0.5, POSITION: 0.4}


def table(prompts: int, own: dict[str, float] = OWN, later: float = 0.3) -> pa.Table:
    """Two pictures a prompt, hard or easy under every condition; two layers, three steps."""
    rng = np.random.default_rng(0)
    rows: list[tuple[object, ...]] = []
    for picture in range(2 * prompts):
        about, hard = (f"image {picture}", f"prompt {picture // 2}"), rng.normal(0, 0.1)
        for condition, level in own.items():
            value = level + (0 if condition == NULL else hard + rng.normal(0, 0.02))
            rows.append((*about, condition, "", 0, "saliency", "own", value))
        for condition, level in READ.items():
            for layer in ("a", "b"):
                for step in (0,) if condition == POSITION else (1, 2, 3):
                    erased = condition == POSITION or (layer == "a" and step < 3)
                    value = level + (0 if erased else later) + hard + rng.normal(0, 0.02)
                    rows.append((*about, condition, layer, step, "saliency", "average_precision", value))
    return make_table(SCHEMA, dict(zip(SCHEMA.names, map(list, zip(*rows, strict=True)), strict=True)))


def by_key(rows: list[Erasure]) -> dict[tuple[str, str], Erasure]:
    return {(row.condition, row.place): row for row in rows}


def test_means_are_over_places_and_differences_are_paired() -> None:
    rows = table(15)
    found = by_key(erasures(rows, ["a"], 2))
    values = rows.to_pylist()
    for condition in (NULL, ERASED, ONCE):
        for place in (THERE, LATER):
            mine = [
                row["value"]
                for row in values
                if row["condition"] == condition
                and row["step"]
                and ((row["layer"] == "a" and row["step"] < 3) == (place == THERE))
            ]
            assert found[condition, place].mean == pytest.approx(np.mean(mine))
            assert found[condition, place].prompts == 15
    strongest = found[SHUFFLED, PICTURE]
    assert strongest.above == pytest.approx(-0.1, abs=0.01)
    assert strongest.above_high - strongest.above_low < 0.03 < strongest.high - strongest.low
    assert found[ERASED, PICTURE].above == 0
    # Position alone reads one map at every step: it stands beside both, of the layers it has.
    assert found[POSITION, LATER].mean == pytest.approx(
        np.mean([row["value"] for row in values if row["condition"] == POSITION])
    )
    assert (ERASED, LATER) not in by_key(erasures(rows, ["a", "b"], 3))
    assert (POSITION, LATER) not in by_key(erasures(rows, ["a", "b"], 3))


def said(rows: pa.Table) -> str:
    return " ".join(sentences(erasures(rows, ["a"], 2), "saliency", "steps 1 to 2, layers a"))


def test_what_is_said_hangs_on_the_strongest_control() -> None:
    words = said(table(30))
    assert "With saliency erased in steps 1 to 2, layers a" in words and "another picture's has" in words
    assert "the strongest control, shuffled labels' direction" in words and "30 test prompts" in words
    assert "carries a part of the layout that no control does" in words
    assert "it is still read" in words.split("At the other layers")[1]
    assert "no more than position tells" in words.split("At the other layers")[0]
    assert "it is not sure that erasing it takes more" in said(table(30, {**OWN, DEPTH: 0.6}))
    assert "it is not sure that erasing it takes more" in said(table(30, {**OWN, DEPTH: 0.5}))
    assert "too few prompts" in said(table(15))
    assert "it is still read" not in said(table(30, later=-0.1))


def test_controls_are_what_erases_something_else() -> None:
    assert [of for of in OWN if is_control(of)] == [TURNED, RANDOM, SHUFFLED, DEPTH]
    assert title(DEPTH) == "what a probe of depth reads" and title(NULL) == "nothing"
