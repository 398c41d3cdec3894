"""Pictures of the page, as docs/page.md and README show them, of a study that is done.

``python -m studio.screens STUDY OUT`` serves the study, opens the page in the system's chromium and writes
page-watch, page-moved, page-seeds and page-phone, and page-drag, which moves. Needs playwright and chromium.
"""

from __future__ import annotations

import argparse
import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page

from studio.gallery import chromium
from underpainting.page.guard import Access
from underpainting.page.opening import opened
from underpainting.page.server import serving
from underpainting.progress import Progress

PICTURE = "prompt=a+green+lemon+on+a+stone+floor&seed=1362635736"
WISHED = "prompt=a+red+car+on+a+tiled+floor"
WAIT = 600.0  # seconds
EVERY, HELD = 120, 1400  # milliseconds a frame of what moves, and its last
SIDES = (("watch", "dark"), ("drag", "light"))  # on phones
QUALITY = 80
FILMED, GAP = 500, 26  # pixels: height of what moves, between two phones
DRAGGED = -0.22, 0.02  # shares of the picture


def screens(study: Path, out: Path) -> None:
    """Takes all of them."""
    out.mkdir(parents=True, exist_ok=True)
    app = opened(study, None, Progress())(Access("127.0.0.1"))
    with serving(app) as address, chromium() as browser:

        def tab(link: str, width: int, height: int, scheme: Any = "light") -> Page:
            """A tab at a link, when the page has all that it asked for."""
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
            )
            page.goto(f"{address}/#{link}")
            page.wait_for_timeout(500)
            until(lambda: page.locator(".standing").inner_text() == "")
            page.wait_for_timeout(500)
            return page

        def keep(picture: Image.Image, name: str) -> None:
            picture.save(out / f"page-{name}.webp", quality=QUALITY)

        keep(shot(tab(f"tab=watch&{PICTURE}&step=3", 1280, 900), full_page=True), "watch")
        film(tab(f"tab=drag&{PICTURE}", 900, 900), out / "page-drag.webp")
        moved = tab(f"tab=drag&{PICTURE}", 1240, 900)
        drag(moved)
        until(lambda: painted(moved))
        keep(shot(moved), "moved")
        keep(shot(tab(f"tab=seeds&{WISHED}", 1280, 876)), "seeds")
        phones = [tab(f"tab={name}&{PICTURE}", 390, 980, scheme) for name, scheme in SIDES]
        keep(beside([shot(phone) for phone in phones]), "phone")


def film(page: Page, path: Path) -> None:
    """Drags the object, and writes what is seen until it is painted."""
    box = page.locator(".view:not([hidden])").bounding_box()
    assert box is not None
    clip = {"x": 0, "y": box["y"], "width": box["x"] * 2 + box["width"], "height": FILMED}
    pictures = [shot(page, clip=clip)]
    drag(page, lambda: pictures.append(shot(page, clip=clip)))
    while not painted(page):
        pictures.append(shot(page, clip=clip))
    pictures.append(shot(page, clip=clip))
    animate(pictures, path)


def painted(page: Page) -> bool:
    """Whether an edit is finished, and its agreement told."""
    told = page.locator(".result:not([data-empty]) .big")
    return bool(told.count() and re.fullmatch(r"0\.\d\d|1\.00", told.first.inner_text()))


def drag(page: Page, seen: Callable[[], object] = lambda: None) -> None:
    """Drags the outline to the left, and lets it go."""
    handle = page.locator(".handles .hit").bounding_box()
    frame = page.locator(".view:not([hidden]) .shot canvas").first.bounding_box()
    assert handle is not None and frame is not None
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for k in range(1, 13):
        page.mouse.move(x + DRAGGED[0] * frame["width"] * k / 12, y + DRAGGED[1] * frame["height"] * k / 12)
        seen()
    page.mouse.up()


def until(true: Callable[[], Any]) -> None:
    """Waits until something is so. Raises SystemExit where it is not within WAIT."""
    end = time.monotonic() + WAIT
    while not true():
        if time.monotonic() > end:
            raise SystemExit("the page is not done: look at what it says with underpainting serve")
        time.sleep(0.1)


def shot(page: Page, **what: Any) -> Image.Image:
    """What the page shows; all of it (``full_page``) or a part (``clip``)."""
    return Image.open(io.BytesIO(page.screenshot(**what))).convert("RGB")


def beside(pictures: list[Image.Image]) -> Image.Image:
    """Pictures of one size in a row."""
    width, height = pictures[0].size
    row = Image.new("RGB", (len(pictures) * (width + GAP) - GAP, height), "#888888")
    for k, picture in enumerate(pictures):
        row.paste(picture, (k * (width + GAP), 0))
    return row


def animate(pictures: list[Image.Image], path: Path) -> None:
    """Writes pictures that follow one another, those alike as one, the last one held."""
    frames: list[Image.Image] = []
    times: list[int] = []
    for picture in pictures:
        if frames and picture.tobytes() == frames[-1].tobytes():
            times[-1] = min(times[-1] + EVERY, 3 * EVERY)
        else:
            frames.append(picture)
            times.append(EVERY)
    times[0] = times[-1] = HELD
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=times, loop=0, quality=70, method=6
    )


def main() -> None:
    """Takes the pictures."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("study", type=Path)
    cli.add_argument("out", type=Path)
    args = cli.parse_args()
    screens(args.study, args.out)


if __name__ == "__main__":
    main()
