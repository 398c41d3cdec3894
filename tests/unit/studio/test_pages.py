"""Tables of pages: those of the files, put between their markers, and nothing else touched."""

import csv
from pathlib import Path

import pytest

from studio import pages
from studio.tables import demo
from studio.tables.cells import table as in_markdown

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", pages.PAGES)
def test_pages_show_what_the_files_of_figures_hold(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert pages.filled(text) == text, "run python -m studio.pages"


@pytest.mark.parametrize("name", pages.PICTURES)
def test_pictures_are_those_of_figures(name: str) -> None:
    assert pages.alike(ROOT / name, ROOT / "figures" / pages.PICTURES[name]), "run python -m studio.pages"


def test_every_table_is_shown() -> None:
    shown = {found[2] for name in pages.PAGES for found in pages.MARKED.finditer((ROOT / name).read_text())}
    assert shown == set(pages.TABLES)


def test_only_what_is_between_markers_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pages.TABLES, "demo-scores", lambda: in_markdown(["a", "b"], [[1, 2]]))
    before = "one\n<!-- figures: demo-scores -->\nold\n<!-- end -->\ntwo\n"
    after = pages.filled(before)
    table = "| a | b |\n| --- | --- |\n| 1 | 2 |\n"
    assert after == f"one\n<!-- figures: demo-scores -->\n\n{table}\n<!-- end -->\ntwo\n"
    assert pages.filled(after) == after
    with pytest.raises(KeyError):
        pages.filled("<!-- figures: nothing -->\n<!-- end -->")


def test_a_table_has_the_scores_of_its_file() -> None:
    with (ROOT / "figures" / "demo-scores.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["metric"] == "dice" and r["property"] == "saliency"]
    line = next(of for of in demo.scores().splitlines() if of.startswith("| saliency") and "Dice" in of)
    told = {float(cell) for cell in line.split("|")[4:] if cell.strip()}
    assert len(told) >= 6 and told <= {round(float(row["mean"]), 3) for row in rows}


def test_check_says_which_page_is_not_as_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.md").write_text("<!-- figures: demo-scores -->\nold\n<!-- end -->\n")
    monkeypatch.setattr(pages, "FIGURES", tmp_path / "figures")
    monkeypatch.setattr(pages, "PAGES", ("page.md",))
    monkeypatch.setattr(pages, "PICTURES", {"shown.png": "made.png"})
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "made.png").write_bytes(b"picture")
    monkeypatch.setitem(pages.TABLES, "demo-scores", lambda: "new\n")
    with pytest.raises(SystemExit):
        pages.main(["--check"])
    said = capsys.readouterr().out
    assert "page.md" in said and "shown.png" in said and not (tmp_path / "shown.png").exists()
    assert "old" in (tmp_path / "page.md").read_text()
    pages.main([])
    assert "new" in (tmp_path / "page.md").read_text()
    assert (tmp_path / "shown.png").read_bytes() == b"picture"
    pages.main(["--check"])
