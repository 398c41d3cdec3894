import re
from itertools import combinations, pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from tests.unit.report.conftest import layer_names
from underpainting.controls import sources
from underpainting.findings.classification import Accuracy
from underpainting.findings.intervals import Mean
from underpainting.report.class_figures import accuracy_figure
from underpainting.report.contents import Contents
from underpainting.report.figures import layer_figure, step_figure
from underpainting.report.network_figure import network_figure
from underpainting.report.svg import VARIABLES
from underpainting.report.tables import LayerTable, ScoreRow, layer_table, number, step_table
from underpainting.vocabulary import ProbeLayer

SVG = "{http://www.w3.org/2000/svg}"


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def rows(steps: int, level: float, name: str = "depth") -> list[ScoreRow]:
    heights = {"probe": level, "shuffled": level - 0.3, "position": 0.4, "ceiling": 0.95}
    return [
        ScoreRow(name, "up.3.0", step, source, "spearman", Mean(h, 0.01, h - 0.02, h + 0.02, 9))
        for step in range(1, steps + 1)
        for source, h in heights.items()
    ]


def table(count: int, steps: int, name: str = "depth") -> LayerTable:
    means = tuple(tuple(0.3 + 0.5 * (i + j) / (count + steps) for j in range(steps)) for i in range(count))
    layers = tuple(f"up.{i // 10}.{i % 10}" for i in range(count))
    return LayerTable(name, "spearman", layers[-1], layers, means, 0.4, 0.95)


def test_every_cell_says_its_layer_step_and_value(contents: Contents) -> None:
    found = layer_table(contents)[1]
    titles = [t.text for t in parse(layer_figure(found).inline()).iter(f"{SVG}title")]
    assert len(titles) == 16 * 4
    assert f"mid.0, step 2: {number(found.means[6][1])}" in titles


def test_figures_take_the_colours_of_the_page_and_share_no_ids(contents: Contents) -> None:
    made = [layer_figure(t).inline() for t in layer_table(contents)]
    by_step = step_table(contents)
    made += [
        step_figure([r for r in by_step if r.name == t.name], t.layers).inline()
        for t in layer_table(contents)
    ]
    ids = [i for svg in made for i in re.findall(r' id="([^"]+)"', svg)]
    assert len(ids) == len(set(ids))
    for svg in made:
        used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg))
        assert used <= set(re.findall(r' id="([^"]+)"', svg))
        assert not any(stand_in in svg for stand_in in VARIABLES)
        assert "var(--ink)" in svg
        assert "#000000" not in svg
        assert not re.search(r"<svg[^>]* (width|height)=", svg)


@pytest.mark.parametrize(("count", "steps"), [(1, 1), (3, 2), (16, 15), (57, 30)])
def test_text_stays_inside_and_apart(count: int, steps: int) -> None:
    made = table(count, steps)
    for svg in (layer_figure(made).inline(), step_figure(rows(steps, 0.7), made.layers).inline()):
        root = parse(svg)
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        ticks = []
        for text in root.iter(f"{SVG}text"):
            style = text.attrib["style"]
            size = float(re.search(r"([\d.]+)px", style)[1])  # type: ignore[index]
            place = text.attrib.get("transform") or ""
            shift = re.search(r"translate\(([-\d.]+)[ ,]+([-\d.]+)\)", place)
            x = float(shift[1]) if shift else float(text.attrib["x"])
            y = float(shift[2]) if shift else float(text.attrib["y"])
            long = 0.56 * size * len(text.text or "")
            anchor = re.search(r"text-anchor: (\w+)", style)
            left = x - {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor[1] if anchor else "start"] * long
            assert left >= 0
            assert left + long <= width + 1
            assert size <= y <= height
            ticks.append((round(y), left, left + long))
        for _, group in _by_line(ticks):
            assert all(a[1] <= b[0] for a, b in pairwise(group))


def test_lines_that_stand_in_one_figure_are_told_apart() -> None:
    for panel in ("probes", "networks", "pictures"):
        drawn = [source.line for source in sources().values() if source.panel == panel]
        assert len(drawn) > 2 and len(set(drawn)) == len(drawn)
    noisy, clean = sources()["latents:noisy"].line, sources()["latents:clean"].line
    assert noisy.hue != clean.hue and len(noisy.dashes) != len(clean.dashes)


def test_class_plot_marks_chance() -> None:
    rows = [Accuracy("clean", step, 8, 0.5, 0.4, 0.6) for step in (1, 2)]
    low, high = (accuracy_figure(rows, chance).figure.axes[0].lines[-1].get_ydata() for chance in (0.2, 0.7))
    assert set(low) == {0.2} and set(high) == {0.7}


def _by_line(ticks: list[tuple[int, float, float]]) -> list[tuple[int, list[tuple[float, float]]]]:
    lines: dict[int, list[tuple[float, float]]] = {}
    for y, left, right in ticks:
        lines.setdefault(y, []).append((left, right))
    return [(y, sorted(group)) for y, group in lines.items()]


def test_scores_below_zero_and_missing_ones_are_drawn() -> None:
    low = parse(step_figure(rows(3, -0.1), ("up.3.0",)).inline())
    assert any(text.text == "\u22120.6" for text in low.iter(f"{SVG}text"))
    holes = LayerTable("gloss", "spearman", "a", ("a", "b"), ((np.nan, 0.2),) * 2, np.nan, np.nan)
    assert "a, step 1: \u2014" in layer_figure(holes).inline()


@pytest.mark.parametrize(
    "names",
    [
        layer_names(),
        [f"down.1.{i}.{j}" for i in (0, 1) for j in (0, 1)]
        + [f"up.{i}.{j}.0" for i in (0, 1) for j in range(6)],
        [f"{part}.1.{i}.{j}" for part in ("down", "mid", "up") for i in (0, 1) for j in range(10)],
        ["transformer.blocks." + f"attention.{i}" for i in range(12)],
    ],
)
def test_words_of_the_network_do_not_overlap(names: list[str]) -> None:
    """Whatever layers are called, and where two neighbours are best."""
    best = {"saliency": names[-1], "depth": names[-2], "shading": names[-2]}
    figure = network_figure([ProbeLayer(name, (64, 64), 1280) for name in names], best).figure
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    assert len(boxes) >= len(names) + 2
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(
        figure.bbox.y0 <= box.y0 and figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1 for box in boxes
    )
