"""A picture of a report's gallery at one step, as README shows it.

``python -m studio.gallery STUDY/report/index.html gallery.png --step 5`` needs playwright and chromium.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1152, 900  # pixels
STYLE = "#viewer { padding: 16px } #viewer .hint { display: none } * { outline: none !important }"


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's browser, without a screen. Raises SystemExit where there is none."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        raise SystemExit("needs chromium: apt-get install chromium")
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


def photograph(report: Path, out: Path, step: int) -> None:
    """Opens the report, moves the gallery's slider to ``step`` and keeps what it shows as a PNG."""
    with chromium() as opened:
        page = opened.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(report.resolve().as_uri())
        page.locator("#viewer input[type=range]").fill(str(step))
        page.add_style_tag(content=STYLE)
        page.locator("#viewer").screenshot(path=out)


def main() -> None:
    """Takes the picture."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("report", type=Path)
    cli.add_argument("out", type=Path)
    cli.add_argument("--step", type=int, default=5)
    args = cli.parse_args()
    photograph(args.report, args.out, args.step)


if __name__ == "__main__":
    main()
