"""The figures of the concepts say what the library computes, and are those that the pages show."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from studio import concepts
from studio.tables.files import csv_rows
from underpainting.probes import Patches, ceiling

DOCS = Path(__file__).parents[3] / "docs"


def said(svg: str) -> list[str]:
    """The words of a drawing."""
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg)


def test_pages_show_what_is_drawn(tmp_path: Path) -> None:
    concepts.write(tmp_path)
    page = (DOCS / "concepts.md").read_text(encoding="utf-8")
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert sorted(re.findall(r"\((concept-[a-z]+\.\w+)\)", page)) == drawn
    for name in drawn:
        ours, shown = tmp_path / name, DOCS / name
        assert shown.stat().st_size < 60_000
        if name.endswith(".svg"):
            assert said(ours.read_text()) == said(shown.read_text()), "run python -m studio.concepts docs"
        else:
            one, other = (np.asarray(Image.open(path), float) for path in (ours, shown))
            assert one.shape == other.shape and abs(one - other).mean() < 2


@pytest.mark.parametrize("size", [16, 8, 4])
def test_ceilings_are_those_of_the_library(size: int) -> None:
    label = concepts._disc(0.45, 0.55, 0.2)
    mask = concepts._enlarged(concepts._best(label, size))
    best = ceiling(Patches.of(torch.from_numpy(label)[None], (size, size), None), ["dice"])["dice"]
    assert concepts._dice(label, mask) == pytest.approx(float(best), abs=1e-6)


def test_the_step_is_near_the_one_that_was_simulated() -> None:
    words = said(concepts.emergence_step().saved("svg", "#fff").decode())
    step, low, high = map(int, re.findall(r"\d+", next(word for word in words if "step " in word)))
    assert low <= concepts.SIMULATED["true"] <= high and abs(step - concepts.SIMULATED["true"]) <= 1


def test_controls_are_those_of_the_demo() -> None:
    rows = [r for r in csv_rows("demo-scores") if (r["property"], r["metric"]) == ("saliency", "dice")]
    shown = {row["source"] for row in rows if float(row["mean"]) > 0 and row["source"] != "gain"}
    axes = concepts.control().figure.axes[0]
    assert len(axes.texts) == len(shown) >= 5
