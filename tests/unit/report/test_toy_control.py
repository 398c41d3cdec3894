"""A control added in one file stands in the report's tables, figures, legends and differences."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.report.conftest import Columns, make_study
from underpainting.controls import Control, Line, Source, register, sources
from underpainting.controls.registry import _REGISTRY
from underpainting.report.conclusions import differences, differences_table
from underpainting.report.contents import Contents, read_contents
from underpainting.report.derived import derive
from underpainting.report.exhibits import exhibits
from underpainting.report.page import render
from underpainting.report.svg import PAGE
from underpainting.report.tables import arrivals, score_table, step_table
from underpainting.report.verdicts import study_headlines

GUESS = 0.37
TITLE = "coin thrown for each token"


class Coin(Control):
    """A guess."""

    key, cost = "coin", "nothing"
    sources = (Source("coin", TITLE, "the coin", Line("ink", (2.0, 7.0)), explains="latents"),)


def thrown(columns: Columns) -> Columns:
    """Scores with a row of the coin beside each of the probe's."""
    at = [i for i, source in enumerate(columns["source"]) if source == "probe"]
    added = {name: [column[i] for i in at] for name, column in columns.items()}
    added |= {"source": ["coin"] * len(at), "value": [GUESS] * len(at)}
    return {name: [*column, *added[name]] for name, column in columns.items()}


@pytest.fixture(scope="module")
def with_coin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contents]:
    before = dict(_REGISTRY.sources), dict(_REGISTRY.controls)
    register(Coin())
    folder: Path = tmp_path_factory.mktemp("coin") / "study"
    yield read_contents(make_study(folder, steps=2, pictures=0, more=thrown)[0])
    _REGISTRY.sources, _REGISTRY.controls = before


def test_its_scores_stand_in_every_table(with_coin: Contents) -> None:
    assert sources()["coin"].title == TITLE
    cells = {row.name: row.estimate.mean for row in score_table(with_coin) if row.source == "coin"}
    assert cells == pytest.approx(dict.fromkeys(("saliency", "depth", "shading"), GUESS))
    by_step = [row.step for row in step_table(with_coin) if (row.source, row.name) == ("coin", "depth")]
    assert by_step == [1, 2]
    assert {row.name for row in arrivals(with_coin) if row.source == "coin"} == set(cells)
    assert {row["property"] for row in with_coin.leads if row["source"] == "coin"} == set(cells)
    heads = study_headlines(with_coin)
    rows = differences(with_coin, heads)
    assert {row.name for row in rows if row.control == "coin"} == set(cells)
    assert TITLE in [words for words, _ in differences_table(rows, heads).lines]


def test_the_page_draws_and_names_it(with_coin: Contents) -> None:
    html = render(with_coin)
    section = html.split('id="steps"')[1].split("</section>")[0]
    legend = section.split('class="legend')[1].split("</ul>")[0]
    assert re.search(r'stroke="var\(--ink\)"[^>]*stroke-dasharray="2.9 10"[^>]*/></svg>' + TITLE, legend)
    drawn = exhibits(with_coin, derive(with_coin), lambda _: PAGE)["by-step-depth"].drawing
    assert drawn
    lines = [list(line.get_ydata()) for line in drawn.figure.axes[0].lines]
    assert [GUESS, GUESS] in [pytest.approx(line) for line in lines]
    assert f'<th scope="row">{TITLE.capitalize()}</th>' in html.split('id="scores"')[1].split("</section>")[0]
    follows = html.split('id="conclusions"')[1].split("</section>")[0]
    assert f'<th scope="row" class="word">{TITLE}</th>' in follows
