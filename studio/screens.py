"""Pictures of the page, as docs/page.md and README show them, of a study that is done.

``python -m studio.screens STUDY OUT`` serves the study, opens the page in the system's chromium and writes
page-watch, page-moved, page-seeds and page-phone, and page-drag, which moves. Needs playwright and chromium.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from studio.gallery import BROWSERS
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
FILMED = 500  # pixels of height


def screens(study: Path, out: Path) -> None:
    """Takes all of them."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        raise SystemExit("needs chromium: apt-get install chromium")
    out.mkdir(parents=True, exist_ok=True)
    app = opened(study, None, Progress())(Access("127.0.0.1"))
    with serving(app) as address, sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])

        def tab(link: str, width: int, height: int, scheme: str = "light") -> Page:
            context = chromium.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
            )
            page = context.new_page()
            page.goto(f"{address}/#{link}")
            return page

        watch = tab(f"tab=watch&{PICTURE}&step=3", 1280, 900)
        rested(watch)
        kept(watch, out / "page-watch.webp", full_page=True)

        film = tab(f"tab=drag&{PICTURE}", 900, 900)
        rested(film)
        box = film.locator(".view:not([hidden])").bounding_box()
        assert box is not None
        clip = {"x": 0, "y": box["y"], "width": 900, "height": FILMED}
        moving = [shot(film, clip)]
        drag(film, (-0.22, 0.02), lambda: moving.append(shot(film, clip)))
        while not painted(film):
            moving.append(shot(film, clip))
        moving.append(shot(film, clip))
        animate(moving, out / "page-drag.webp")

        moved = tab(f"tab=drag&{PICTURE}", 1240, 900)
        rested(moved)
        drag(moved, (-0.22, 0.02))
        until(lambda: painted(moved))
        kept(moved, out / "page-moved.webp")

        seeds = tab(f"tab=seeds&{WISHED}", 1280, 876)
        rested(seeds)
        kept(seeds, out / "page-seeds.webp")

        phones = [tab(f"tab={name}&{PICTURE}", 390, 980, scheme) for name, scheme in SIDES]
        for phone in phones:
            rested(phone)
        pictures = [shot(phone) for phone in phones]
        both = Image.new("RGB", (2 * 390 + 26, 980), "#888888")
        for k, picture in enumerate(pictures):
            both.paste(picture, (k * (390 + 26), 0))
        both.save(out / "page-phone.webp", quality=QUALITY)
        chromium.close()


def rested(page: Page) -> None:
    """Waits until the page has all that it asked for."""
    page.wait_for_timeout(500)
    until(lambda: page.locator(".standing").inner_text() == "")
    page.wait_for_timeout(500)


def painted(page: Page) -> bool:
    """Whether an edit is finished, and its agreement told."""
    told = page.locator(".result:not([data-empty]) .big")
    return bool(told.count() and re.fullmatch(r"0\.\d\d|1\.00", told.first.inner_text()))


def drag(page: Page, by: tuple[float, float], seen: Callable[[], object] = lambda: None) -> None:
    """Drags the outline by shares of the picture, and lets it go."""
    handle = page.locator(".handles .hit").bounding_box()
    frame = page.locator(".view:not([hidden]) .shot canvas").first.bounding_box()
    assert handle is not None and frame is not None
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for k in range(1, 13):
        page.mouse.move(x + by[0] * frame["width"] * k / 12, y + by[1] * frame["height"] * k / 12)
        seen()
    page.mouse.up()


def until(true: Callable[[], Any]) -> None:
    """Waits until something is so. Raises SystemExit where it is not within WAIT."""
    end = time.monotonic() + WAIT
    while not true():
        if time.monotonic() > end:
            raise SystemExit("the page is not done: look at what it says with underpainting serve")
        time.sleep(0.1)


def shot(page: Page, clip: Any = None) -> Image.Image:
    """What the page shows, or a part of it."""
    return Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")


def kept(page: Page, path: Path, full_page: bool = False) -> None:
    """Writes what the page shows, or all of it."""
    picture = Image.open(io.BytesIO(page.screenshot(full_page=full_page))).convert("RGB")
    picture.save(path, quality=QUALITY)


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
