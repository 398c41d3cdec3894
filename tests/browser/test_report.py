"""The report as a person opens it: wide and narrow, light and dark, offline, for everyone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.report.conftest import make_study
from underpainting.report import write_report

SEEN = [(1400, "light"), (1400, "dark"), (360, "light"), (360, "dark")]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser") / "study"
    make_study(folder, pictures=3)
    return write_report(folder)


@pytest.fixture(params=SEEN, ids=lambda seen: f"{seen[0]}-{seen[1]}")
def page(request: pytest.FixtureRequest, browser: Any, report: Path) -> Iterator[Any]:
    """The page, with the addresses that it asked for in `page.asked` and its errors in `page.errors`."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened = context.new_page()
    opened.asked, opened.errors = [], []
    opened.on("request", lambda asked: opened.asked.append(asked.url))
    opened.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.on("console", lambda said: opened.errors.append(said.text) if said.type == "error" else None)
    opened.goto(report.as_uri())
    yield opened
    context.close()


def test_it_needs_nothing_but_itself_and_fits_the_screen(page: Any, report: Path) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    page.wait_for_load_state("networkidle")
    assert {url for url in page.asked if not url.startswith("data:")} == {report.as_uri()}
    assert page.errors == []
    assert page.evaluate("document.scrollingElement.scrollWidth") <= page.viewport_size["width"]
    assert report.stat().st_size < 25_000_000


def test_axe_finds_nothing_serious(page: Any, axe: str) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    serious = [
        (of["id"], of["help"], [node["html"][:120] for node in of["nodes"][:3]])
        for of in found
        if of["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_slider_relief_and_steps_follow_each_other(page: Any) -> None:
    def source(part: str) -> str:
        return str(page.get_attribute(f"[data-part={part}] img", "src"))

    def inked() -> int:
        script = (
            "() => { const c = document.querySelector('#relief canvas');"
            " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
            " let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; }"
        )
        return int(page.evaluate(script))

    last = source("clean")
    page.evaluate("document.querySelector('.screen-table').open = true")
    page.focus("input[type=range]")
    page.keyboard.press("ArrowLeft")
    assert source("clean") != last
    assert "step 3 of 4" in page.inner_text("output")
    assert page.locator("#all-steps thead th.now").inner_text() == "3"
    assert page.locator("#all-steps tbody tr").count() == 2 + 3 + 3
    page.wait_for_timeout(200)
    before = inked()
    assert before > 1000
    page.focus("#relief canvas")
    page.keyboard.press("ArrowDown")
    assert inked() != before
    assert "step 3 of 4" in page.inner_text("output")  # the relief keeps its keys to itself
    page.click(".thumbs button:nth-child(3)")
    assert page.locator("#all-steps tbody tr").count() == 2 + 3  # no estimator was kept of this one
