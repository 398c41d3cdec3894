"""Frames a second while the page's shape is dragged, by the browser's own clock, beside an empty canvas.

`python -m benchmarks.page_frames [ADDRESS]`: a page that is served there is opened in the system's chromium,
without a screen.
The shape is dragged along a circle for some seconds, in turn with a page on which nothing but
a small square is drawn on a canvas of the same size. Needs playwright and chromium.
"""

from __future__ import annotations

import math
import shutil
import time
from statistics import median
from typing import Annotated, Any

import typer

from underpainting.cli._screen import table

SECONDS = 4.0
SIDE = 460  # pixels of the empty canvas
COUNT = """() => { const own = window.frames_ = []; let last = null;
  const step = (now) => { if (own !== frames_) return;
    if (last !== null) own.push(now - last);
    last = now; requestAnimationFrame(step); };
  requestAnimationFrame(step); }"""
EMPTY = f"""() => {{ document.body.innerHTML = '<canvas width={SIDE} height={SIDE}></canvas>';
  const pen = document.querySelector('canvas').getContext('2d');
  const step = (now) => {{ pen.clearRect(0, 0, {SIDE}, {SIDE}); pen.fillRect(now % {SIDE}, 0, 9, 9);
    requestAnimationFrame(step); }};
  requestAnimationFrame(step); }}"""


def measure(address: Annotated[str, typer.Argument()] = "http://127.0.0.1:7860/") -> dict[str, float]:
    """Measure page_frames and page_frames_empty: frames a second, of the median frame."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        empty = browser.new_page()
        empty.evaluate(EMPTY)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(f"{address.rstrip('/')}/#tab=drag")
        page.wait_for_selector(".handles .hit[d]", timeout=120_000)
        while page.inner_text(".standing"):
            page.wait_for_timeout(100)
        box = page.locator(".handles .hit").bounding_box()
        assert box is not None
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        rows = []
        for _ in range(3):
            for name, of in (("empty canvas", empty), ("dragged shape", page)):
                of.bring_to_front()
                rows.append([name, *_frames(of, middle)])
        browser.close()
    table(["frames", "a second", "a second, slowest twentieth", "frames"], rows)
    return {
        "page_frames": median(row[1] for row in rows if row[0] == "dragged shape"),
        "page_frames_empty": median(row[1] for row in rows if row[0] == "empty canvas"),
    }


def _frames(page: Any, middle: tuple[float, float]) -> tuple[float, float, int]:
    """Frames a second of the median frame and of the slowest twentieth, and how many there were."""
    page.mouse.move(*middle)
    page.mouse.down()
    page.evaluate(COUNT)
    begun = time.monotonic()
    while (gone := time.monotonic() - begun) < SECONDS:
        page.mouse.move(middle[0] + 60 * math.sin(3 * gone), middle[1] + 60 * (math.cos(3 * gone) - 1))
    lengths = sorted(page.evaluate("frames_"))
    page.mouse.move(*middle)
    page.mouse.up()
    return 1000 / median(lengths), 1000 / lengths[int(0.95 * len(lengths))], len(lengths)


if __name__ == "__main__":
    typer.run(measure)
