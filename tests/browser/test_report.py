"""The report as a person opens it: wide and narrow, light and dark, offline, for everyone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.report.conftest import make_interventions, make_study
from underpainting.report import write_report

SEEN = [(1400, "light"), (1400, "dark"), (390, "light"), (390, "dark")]
STEPS = 15
CUT = """() => [...document.querySelectorAll("body *")].filter((part) => {
  const style = getComputedStyle(part);
  return ["auto", "scroll", "hidden"].includes(style.overflowX) && part.clientWidth > 0
    && part.scrollWidth > part.clientWidth + 2;
}).map((part) => [part.className.toString(), getComputedStyle(part).maskImage])"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser") / "study"
    study, _ = make_study(folder, prompts=3, steps=STEPS, pictures=3)
    make_interventions(study)
    return write_report(study)


@pytest.fixture(scope="module", params=SEEN, ids=lambda seen: f"{seen[0]}-{seen[1]}")
def page(request: pytest.FixtureRequest, browser: Any, report: Path) -> Iterator[Any]:
    """The page, opened once: what it asked for in `page.asked`, its errors in `page.errors`.

    All its parts are unfolded; `page.folded` holds how many were folded by the screen's width.
    """
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened = context.new_page()
    opened.asked, opened.errors = [], []
    opened.on("request", lambda asked: opened.asked.append(asked.url))
    opened.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.on("console", lambda said: opened.errors.append(said.text) if said.type == "error" else None)
    opened.goto(report.as_uri())
    opened.folded = opened.locator("details.fold:not([open])").count()
    opened.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    opened.wait_for_timeout(200)
    yield opened
    context.close()


def test_it_needs_nothing_but_itself_and_fits_the_screen(page: Any, report: Path) -> None:
    page.wait_for_load_state("networkidle")
    assert {url for url in page.asked if not url.startswith("data:")} == {report.as_uri()}
    assert page.errors == []
    assert page.evaluate("document.scrollingElement.scrollWidth") <= page.viewport_size["width"]
    assert report.stat().st_size < 25_000_000
    assert (page.folded > 0) == (page.viewport_size["width"] < 720)


def test_what_does_not_fit_says_so_and_figures_are_whole(page: Any) -> None:
    width = page.viewport_size["width"]
    cut = page.evaluate(CUT)
    assert all("more-right" in name and mask != "none" for name, mask in cut), cut
    assert bool(cut) == (width < 720)
    assert page.locator("table").count() == page.locator(".scroll table").count()
    last = page.locator("#all-steps tbody tr:first-child td:last-child")
    if width < 720:
        last.scroll_into_view_if_needed()
        page.wait_for_timeout(100)
        box = page.locator(".scroll:has(#all-steps)")
        assert "more-left" in box.get_attribute("class")
        assert "more-right" not in box.get_attribute("class")
    assert last.inner_html().count(f"step {STEPS}") == 1
    assert last.bounding_box()["x"] + last.bounding_box()["width"] <= width
    whole = page.locator(".film svg:visible, .film .strip")
    assert whole.count() == 1 + 2 * 2 * 3  # the network; of each gallery picture two looks, curves and strip
    for box in (whole.nth(i).bounding_box() for i in range(whole.count())):
        assert box["x"] >= 0 and box["x"] + box["width"] <= width


def test_columns_of_numbers_end_under_their_headings(page: Any) -> None:
    aligned = page.evaluate(
        "[...document.querySelectorAll('table.scores')].map((table) => {"
        " const align = (cell) => getComputedStyle(cell).textAlign, [head] = [...table.tHead.rows].slice(-1);"
        " return [...table.tBodies[0].rows].every((row) => [...row.cells].slice(1).every((cell, k) =>"
        "   align(cell) === 'right' && align(head.cells[k + 1]) === 'right')); })"
    )
    assert aligned and all(aligned)


def test_axe_finds_nothing_serious(page: Any, axe: str) -> None:
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
    page.focus("input[type=range]")
    page.keyboard.press("ArrowLeft")
    assert source("clean") != last
    assert f"step {STEPS - 1} of {STEPS}" in page.inner_text("output")
    assert page.locator("#all-steps thead th.now").inner_text() == str(STEPS - 1)
    assert page.locator("#all-steps tbody tr").count() == 2 + 3 + 3
    page.wait_for_timeout(200)
    before = inked()
    assert before > 1000
    page.focus("#relief canvas")
    page.keyboard.press("ArrowDown")
    assert inked() != before
    assert f"step {STEPS - 1} of {STEPS}" in page.inner_text("output")  # the relief keeps its keys to itself
    page.click(".thumbs button:nth-child(3)")
    assert page.locator("#all-steps tbody tr").count() == 2 + 3  # no estimator was kept of this one


def test_keys_work_once_the_gallery_is_clicked(page: Any) -> None:
    def shown() -> str:
        return str(page.inner_text("output"))

    page.click(".thumbs button:nth-child(1)")
    page.locator("input[type=range]").fill(str(STEPS))
    page.locator("[data-part=clean] img").click()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    assert shown() == f"step {STEPS - 1} of {STEPS}"
    first = page.inner_text(".prompt")
    page.keyboard.press("ArrowDown")
    assert page.get_attribute(".thumbs button:nth-child(2)", "aria-pressed") == "true"
    assert page.inner_text(".prompt") != first
    page.keyboard.press("ArrowUp")
    assert page.inner_text(".prompt") == first
    page.keyboard.press("Space")
    assert page.inner_text(".play") == "Pause"
    page.keyboard.press("Space")
    assert page.inner_text(".play") == "Play"
    before = page.evaluate("document.querySelector('#relief canvas').toDataURL()")
    page.locator("#relief canvas").click()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.querySelector('#relief canvas').toDataURL()") != before
