"""Figures and tables as files: they hold what the page shows."""

import csv
import io
import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from underpainting.report import write_figures, write_report
from underpainting.report.contents import Contents
from underpainting.report.svg import VARIABLES
from underpainting.report.tables import score_table, step_table
from underpainting.study.study import StudyFolder


@pytest.fixture(scope="module")
def folder(study: StudyFolder, checkpoints: Path) -> Path:
    return write_figures(study, checkpoints)


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_every_figure_is_there_three_times(folder: Path) -> None:
    figures = {path.stem for path in folder.glob("*.svg")}
    assert figures | {"interventions-saliency"} == {path.stem for path in folder.glob("*.png")}
    assert figures <= {path.stem for path in folder.glob("*.csv")}
    of_property = ("by-step", "by-layer", "growth")
    names = {f"{kind}-{name}" for kind in of_property for name in ("saliency", "depth", "shading")}
    assert names | {"accuracy", "recognised", "calibration"} <= figures
    assert sum(name.startswith("classes-") for name in figures) == 2 * 2


def test_tables_hold_the_pages_numbers(contents: Contents, folder: Path) -> None:
    rows = read(folder / "scores.csv")
    for row, found in zip(score_table(contents), rows, strict=True):
        assert (found["property"], found["source"], found["metric"]) == (row.name, row.source, row.metric)
        assert np.array_equal(float(found["mean"]), row.estimate.mean, equal_nan=True)
        assert np.array_equal(float(found["high"]), row.estimate.high, equal_nan=True)
    mine = [row for row in step_table(contents) if row.name == "depth"]
    means = [float(row["mean"]) for row in read(folder / "by-step-depth.csv")]
    np.testing.assert_array_equal(means, [row.estimate.mean for row in mine])
    assert not step_table(contents, "pictures") and not (folder / "looks-depth.csv").exists()


def test_the_page_holds_every_table_as_its_file_is(
    study: StudyFolder, checkpoints: Path, folder: Path
) -> None:
    html = write_report(study, checkpoints).read_text(encoding="utf-8")
    links = dict(re.findall(r'<a download="([^"]+)" href="data:text/csv;charset=utf-8,([^"]+)"', html))
    assert set(links) == {path.name for path in folder.glob("*.csv")}
    for name, text in links.items():
        assert unquote(unescape(text)) == (folder / name).read_text(encoding="utf-8")


def test_files_stand_alone_in_print_colours(folder: Path) -> None:
    for path in folder.glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        ElementTree.fromstring(text)
        assert "var(--" not in text and not any(stand_in in text for stand_in in VARIABLES)
    for path in folder.glob("*.png"):
        if path.stem == "interventions-saliency":  # pictures, without a ground
            continue
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGBA"))
        assert (pixels[..., 3] == 255).all() and (pixels[0, 0] == 255).all()
        assert len(np.unique(pixels.reshape(-1, 4), axis=0)) > 20
