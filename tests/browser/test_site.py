"""The site as `make docs` builds it: without a warning, whole without a network, searched from the disk."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

import underpainting

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site's folder."""
    home = tmp_path_factory.mktemp("site")
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    made = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(home)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0 and "WARNING" not in made.stderr, made.stderr
    return home


@pytest.fixture
def page(browser: Any, site: Path) -> Any:
    """A page of a browser, which notes what it asks of other servers and what goes wrong in it."""
    opened = browser.new_page()
    opened.asked, opened.wrong = [], []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("pageerror", lambda error: opened.wrong.append(str(error)))
    yield opened
    opened.close()


def test_every_public_name_is_explained(site: Path) -> None:
    text = (site / "reference" / "api.html").read_text(encoding="utf-8")
    for name in underpainting.__all__:
        assert name.startswith("__") or f'id="underpainting.{name}"' in text, name
    assert 'id="underpainting.Study.intervene"' in text and "Make a picture as it is" in text


def test_nothing_is_taken_from_other_servers(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        taken = re.findall(r"<(?:script|img|iframe)[^>]* src=\"?([^\" >]+)", text)
        taken += re.findall(r"<link[^>]* href=\"?([^\" >]+)", text)
        assert not [address for address in taken if re.match(r"(https?:)?//", address)], path.name
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", path.read_text(encoding="utf-8")), path.name


def test_the_search_works_from_the_disk(site: Path, page: Page) -> None:
    page.goto((site / "index.html").as_uri())
    page.fill("input.md-search__input", "isotonic")
    first = page.locator(".md-search-result__link").first
    first.wait_for(state="attached")
    assert "emergence.html" in (first.get_attribute("href") or "")
    assert page.wrong == [] and all(url.startswith(("file:", "data:", "blob:")) for url in page.asked)


def test_llms_txt_lists_every_page_with_what_it_says(site: Path) -> None:
    text = (site / "llms.txt").read_text(encoding="utf-8")
    assert text.startswith("# underpainting\n\n> What a latent diffusion model already knows")
    listed = dict(re.findall(r"^- \[[^\]]+\]\(([^)]+)\): (.+)$", text, flags=re.M))
    made = {path.relative_to(site).with_suffix("") for path in site.rglob("*.html")} - {Path("404")}
    assert {Path(re.sub("README.md$", "index.md", page)).with_suffix("") for page in listed} == made
    assert all((site / page).read_text(encoding="utf-8").startswith("# ") for page in listed)
    assert "A study asks from which denoising step" in listed["emergence.md"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_follow_the_system(browser: Any, site: Path, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto((site / "index.html").as_uri())
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = sum(map(int, re.findall(r"\d+", ground)[:3])) / 3 > 128
    page.close()
    assert light == (scheme == "light")


@pytest.mark.parametrize("name", ["index", "concepts", "errors/estimator"])
def test_a_phone_shows_pages_and_messages_whole(browser: Any, site: Path, name: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto((site / f"{name}.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    cut = "all => all.filter(code => code.scrollWidth > code.clientWidth).length"
    messages = page.locator(".message code")
    assert messages.evaluate_all(cut) == 0
    assert (messages.count() > 10) == name.startswith("errors/")
    page.close()
