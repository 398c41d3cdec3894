"""The page as a person uses it: watched, scrubbed, dragged by mouse and keys, sent as a link, on a phone."""

import base64
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from underpainting import workflow
from underpainting.page.guard import Access
from underpainting.page.opening import opened
from underpainting.page.server import serving
from underpainting.progress import Progress
from underpainting.seeds.wish import boxed
from underpainting.study.request.config import ControlsConfig, PromptsConfig, StudyConfig, WatchConfig

STEPS, EARLY = 8, 2
LAYERS = ("up.2.1", "up.2.2", "up.3.0", "up.3.1")
PICTURE = "prompt=an+orange+on+a+checkered+floor&seed=783847129"
WAIT = 60_000  # milliseconds


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page over a small study of the still life."""
    config = StudyConfig(
        prompts=PromptsConfig(file="stilllife", limit=8),
        model=workflow.DEMO.model.model_copy(update={"steps": STEPS}),
        watch=WatchConfig(layers=LAYERS),
        labels=workflow.DEMO.labels,
        controls=ControlsConfig(use=()),
    )
    study = workflow.init(tmp_path_factory.mktemp("page") / "study", config)
    workflow.run(study)
    app = opened(study.folder, None, Progress())(Access("127.0.0.1"))
    with serving(app) as served:
        yield served


@pytest.fixture
def tab(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens a tab at a link; at the end, nothing left the machine and nothing was wrong in the console."""
    contexts, asked, errors = [], [], []

    def opening(link: str, width: int = 1400, scheme: str = "light", **more: Any) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce", **more
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.jobs = []
        page.on("request", lambda of: asked.append(of.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda of: errors.append(of.text) if of.type == "error" and "429" not in of.text else None,
        )
        page.on("response", lambda of: page.jobs.append(of) if of.status == 202 else None)
        page.goto(f"{address}/{link}")
        return page

    yield opening
    for context in contexts:
        context.close()
    assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} == {
        urlsplit(address).netloc
    }
    assert errors == []


def until(page: Any, true: Callable[[], Any]) -> Any:
    """Wait until something is true; what it then is."""
    end = time.monotonic() + WAIT / 1000
    while not (value := true()):
        assert time.monotonic() < end, page.inner_text("body")
        page.wait_for_timeout(50)
    return value


def held(page: Any) -> dict[str, str]:
    """The state that the link holds."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).fragment).items()}


def holds(page: Any, **wanted: str) -> None:
    """Wait until the link holds something."""
    until(page, lambda: wanted.items() <= held(page).items())


def shown(page: Any, number: int) -> NDArray[np.int16]:
    """Pixels of a tab's first or second large picture."""
    data = page.evaluate(
        "(k) => [...document.querySelectorAll('.view:not([hidden]) .shot canvas')][k].toDataURL()", number
    )
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data.split(",")[1]))).convert("RGB"), np.int16)


def told(page: Any, kind: str) -> Iterator[dict[str, Any]]:
    """Events of a kind of the last job that was asked for."""
    job = page.jobs[-1].json()["job"]
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
    with httpx2.stream("GET", f"{origin}/api/jobs/{job}/events", timeout=60) as events:
        lines = events.iter_lines()
        for line in lines:
            if line == f"event: {kind}":
                yield json.loads(next(lines).removeprefix("data: "))


def finished(page: Any) -> dict[str, Any]:
    """What the server said of the last picture or edit that was asked for."""
    return next(told(page, "finished"))


def wished(page: Any) -> list[float]:
    """Scores of the wall's seeds by the wish that the link holds, from the readings that the server told."""
    x, y, wide, high = map(float, held(page)["wish"].split(","))
    wish = boxed("", (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2))
    layer = next(told(page, "begun"))["layers"]["saliency"]
    about = httpx2.get("{0.scheme}://{0.netloc}/api/about".format(urlsplit(page.url))).json()
    grid = next(each["grid"] for each in about["layers"] if each["name"] == layer)
    read = [event["maps"]["saliency"] for event in told(page, "seed")]
    levels = [np.frombuffer(base64.b64decode(of["data"]), np.uint8).reshape(grid) / 255 for of in read]
    maps = [of["low"] + level * (of["high"] - of["low"]) for of, level in zip(read, levels, strict=True)]
    return wish.score({"saliency": torch.from_numpy(np.stack(maps))}).tolist()


def wall(page: Any) -> list[int]:
    """The wall's seeds in their order."""
    return [
        int(of) for of in page.locator(".wall li").evaluate_all("(all) => all.map((x) => x.dataset.seed)")
    ]


def filled(page: Any, count: int) -> None:
    """Wait until a wall has all its seeds."""
    until(page, lambda: page.locator(".tile:not([disabled])").count() == count)
    until(page, lambda: page.locator(".standing").inner_text() == "")


def mask(told: dict[str, Any]) -> NDArray[np.bool_]:
    """Where the estimator sees the object."""
    of = told["labels"]["saliency"]
    return np.frombuffer(base64.b64decode(of["data"]), np.uint8).reshape(of["size"]) >= 128


def watched(page: Any) -> None:
    """Wait until the picture is finished and all its steps are decoded."""
    frames = ".timeline canvas[data-look=picture]"
    until(page, lambda: page.locator(f".view:not([hidden]) {frames}").count() == STEPS)
    until(page, lambda: page.locator(".standing").inner_text() == "")


def dragged(page: Any) -> float:
    """Wait until an edit is finished; its Dice with the target."""
    ready = page.locator(".result:not([data-empty]) .big")
    return float(until(page, lambda: ready.count() and re.fullmatch(r"0\.\d\d|1\.00", ready.inner_text()))[0])


def test_a_first_visit_paints_and_rests_where_the_probes_knew_already(tab: Callable[..., Any]) -> None:
    page = tab("")
    until(page, lambda: page.input_value("#prompt") == "a blue mug on a wooden floor")
    assert page.input_value("#seed") == "7"
    now = page.locator(".timeline output")
    until(
        page, lambda: now.inner_text() == f"step {EARLY} of {STEPS}" and page.locator(".telling").inner_text()
    )
    watched(page)
    told = re.compile(rf"step {EARLY} of {STEPS}, the probe of \S+ agrees .* Dice")
    until(page, lambda: told.search(page.inner_text(".telling")))
    assert page.locator(".maps canvas[data-look=map]:visible").count() == 6
    assert page.locator(".pane .read").count() == 2 and page.locator(".pane .label").count() == 1
    assert page.locator(".curves .line").count() >= 3 + 1 + 1
    holds(page, step=str(EARLY))


def test_steps_are_scrubbed_and_layers_chosen_by_mouse_and_keys(tab: Callable[..., Any]) -> None:
    page = tab(f"#{PICTURE}&step=3")
    watched(page)
    third = shown(page, 0)
    page.focus(".timeline input")
    page.keyboard.press("ArrowRight")
    until(page, lambda: page.inner_text(".timeline output") == f"step 4 of {STEPS}")
    until(page, lambda: np.abs(shown(page, 0) - third).max() > 0)
    box = page.locator(".frames").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 20, steps=4)
    page.mouse.up()
    holds(page, step=str(STEPS))
    page.locator(".cell[data-layer='up.2.1'][data-step='2']").click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    holds(page, layer="up.2.2", step="3")
    until(page, lambda: "up.2.2 at step 3" in page.inner_text(".say"))
    page.get_by_label("estimator on every step").check()
    until(page, lambda: page.locator(".seen canvas[data-look=map]").count() == 3)
    page.get_by_role("group", name="property").get_by_text("Depth").click()
    holds(page, property="depth")


def test_the_object_goes_where_it_is_dragged_and_an_edit_is_undone(tab: Callable[..., Any]) -> None:
    page = tab(f"#tab=drag&{PICTURE}")
    shape = page.locator(".handles .hit")
    box = until(page, lambda: shape.count() and shape.bounding_box())
    until(page, lambda: page.locator(".standing").inner_text() == "")
    before = finished(page)
    asked = len(page.jobs)
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    side = page.locator(".shot .pane").first.bounding_box()["width"]
    page.mouse.move(*middle)
    page.mouse.down()
    for share in (0.05, 0.1, 0.15, 0.2):
        page.mouse.move(middle[0] + share * side, middle[1] - share * side)
        page.wait_for_timeout(20)
    assert len(page.jobs) == asked  # the server hears nothing before it is let go
    page.mouse.up()
    dice = dragged(page)
    after = finished(page)
    right, down = map(float, until(page, lambda: held(page).get("move")).split(","))
    assert (right, down) == pytest.approx((0.2, -0.2), abs=0.02)
    assert dice == pytest.approx(after["agreement"]["saliency"]["after"], abs=0.006)
    titles = {True: "Painted with it there", False: "Painted again"}
    title = page.locator(".drag .shot figcaption").nth(1)
    assert title.inner_text() == titles[all(after["followed"].values())]
    assert after["agreement"]["saliency"]["after"] > after["agreement"]["saliency"]["before"] + 0.2
    was, now = mask(before), mask(after)
    rows, columns = was.shape
    target = np.roll(was, (round(down * rows), round(right * columns)), (0, 1))
    assert (now & target).sum() / target.sum() > (was & target).sum() / target.sum() + 0.2
    until(page, lambda: shown(page, 1).shape[:2] == was.shape)
    colour = shown(page, 0)[was].mean(0)
    first, then = (np.abs(shown(page, k)[target & ~was] - colour).mean() for k in (0, 1))
    assert then < 0.7 * first  # the object's colour is where the object was not

    picture = shown(page, 1)
    page.focus(".handles")
    for key in ("Shift+ArrowLeft", "Shift+ArrowLeft", "+", "]", "m"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    holds(page, scale="1.05", rotate="3", mirror="1")
    assert float(held(page)["move"].split(",")[0]) == pytest.approx(right - 0.1, abs=0.002)
    until(page, lambda: page.locator(".standing").inner_text() == "")
    dragged(page)
    until(page, lambda: np.abs(shown(page, 1) - picture).max() > 20)
    assert title.inner_text() == titles[all(finished(page)["followed"].values())]

    asked = len(page.jobs)
    page.keyboard.press("Control+z")
    until(page, lambda: np.array_equal(shown(page, 1), picture))
    until(page, lambda: "mirror" not in held(page))
    assert len(page.jobs) == asked  # what is undone is still there
    page.get_by_role("button", name="Redo").click()
    holds(page, mirror="1")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    assert Path(download.value.path()).read_bytes()[:2] == b"PK"

    other = tab(urlsplit(page.url)._replace(scheme="", netloc="", path="").geturl())
    assert dragged(other) == dragged(page)
    until(other, lambda: other.locator(".standing").inner_text() == "")
    until(page, lambda: np.array_equal(shown(other, 1), shown(page, 1)))
    until(page, lambda: held(other) == held(page))
    assert other.get_attribute(".handles .shape", "transform") == page.get_attribute(
        ".handles .shape", "transform"
    )


@pytest.mark.parametrize(
    ("scheme", "names"),
    [("light", ["Watch", "Drag", "Relief", "Study", "Seeds"]), ("dark", ["Watch", "Drag", "Seeds"])],
)
def test_every_tab_fits_a_phone_and_axe_finds_nothing_serious(
    tab: Callable[..., Any], axe: str, scheme: str, names: list[str]
) -> None:
    page = tab(f"#{PICTURE}&step=3&move=0.2,-0.2&count=4&after=1", width=360, scheme=scheme, has_touch=True)
    watched(page)
    for name in names:
        page.get_by_role("tab", name=name).click()
        page.wait_for_timeout(300)
        if name == "Seeds":
            filled(page, 4)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 360, name
        page.evaluate(axe)
        found = page.evaluate(
            "axe.run({ exclude: ['iframe'] }, { resultTypes: ['violations'], iframes: false })"
        )
        serious = [
            (of["id"], [node["html"][:160] for node in of["nodes"][:3]])
            for of in found["violations"]
            if of["impact"] in ("serious", "critical")
        ]
        assert serious == [], name
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper))) < 150) == (scheme == "dark")


def test_relief_turns_and_gallery_pictures_are_taken_to_watch(tab: Callable[..., Any]) -> None:
    page = tab(f"#tab=relief&{PICTURE}&step=4")
    canvas = "document.querySelector('#relief canvas')"
    inked = (
        f"{canvas}.getContext('2d').getImageData(0, 0, {canvas}.width, {canvas}.height).data.some((x) => x)"
    )
    until(page, lambda: page.locator("#relief canvas").count() and page.evaluate(inked))
    watched(page)
    before = page.evaluate(f"{canvas}.toDataURL()")
    page.focus("#relief canvas")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(f"{canvas}.toDataURL()") != before
    page.get_by_role("tab", name="Study").click()
    card = page.locator(".card").first
    words = card.locator(".prompt").inner_text()
    card.get_by_role("button", name=re.compile("watch")).click()
    until(page, lambda: page.input_value("#prompt") == words)
    watched(page)
    holds(page, prompt=words)


def test_a_wall_of_seeds_is_sorted_by_the_wish_as_it_is_dragged(tab: Callable[..., Any]) -> None:
    page = tab(f"#tab=seeds&{PICTURE}&count=8&wish=0.25,0.6,0.3,0.4")
    filled(page, 8)
    asked, orders = len(page.jobs), [wall(page)]
    scores = wished(page)
    assert orders[0] == sorted(range(8), key=lambda seed: -scores[seed])
    page.focus(".wish")
    for key in (*["Shift+ArrowRight"] * 9, "ArrowUp", "]"):
        page.keyboard.press(key)
    holds(page, wish="0.7,0.59,0.315,0.4")
    orders.append(wall(page))
    box = page.locator(".wish .box").bounding_box()
    frame = page.locator(".wish").bounding_box()
    corner = box["x"] + box["width"], box["y"] + box["height"]
    page.mouse.move(*corner)
    page.mouse.down()
    page.mouse.move(corner[0] - 0.1 * frame["width"], corner[1] - 0.2 * frame["height"], steps=4)
    page.mouse.up()
    _, _, wide, high = until(
        page, lambda: (of := [*map(float, held(page)["wish"].split(","))])[3] < 0.3 and of
    )
    assert (wide, high) == pytest.approx((0.215, 0.2), abs=0.02)
    scores = wished(page)
    assert (last := wall(page)) == sorted(range(8), key=lambda seed: -scores[seed])
    shown = page.locator(".wall strong").all_inner_texts()
    assert [float(of) for of in shown] == pytest.approx([scores[seed] for seed in last], abs=0.006)
    assert orders[0] != orders[1] and len(page.jobs) == asked  # the server hears nothing of the wish


def test_the_best_seeds_are_finished_on_the_wall_and_one_is_taken_to_watch(tab: Callable[..., Any]) -> None:
    page = tab(f"#tab=seeds&{PICTURE}&count=4&after=1")
    filled(page, 4)
    page.get_by_role("spinbutton", name="Seeds").fill("5")
    page.keyboard.press("Enter")
    filled(page, 5)
    assert page.jobs[-1].request.post_data_json["first"] == 4  # only what was lacking was asked for
    best = wall(page)[:4]
    page.get_by_role("button", name="Finish the best 4").click()
    until(page, lambda: page.locator(".mark:visible").count() == 4 + 1)
    painted = [job.request.post_data_json["seed"] for job in page.jobs if "pictures" in job.url]
    assert painted == best
    pictures = page.locator(".wall canvas[data-look=picture]")
    until(page, lambda: pictures.count() == 4)
    page.locator(f".wall [data-seed='{best[2]}'] button").press("Enter")
    until(page, lambda: page.input_value("#seed") == str(best[2]))
    assert page.get_by_role("tab", name="Watch").get_attribute("aria-selected") == "true"
    until(page, lambda: page.locator(".watch .timeline output").inner_text())
    assert page.jobs[-1].request.post_data_json["seed"] == best[2]


def test_a_finger_drags_on_a_phone(tab: Callable[..., Any]) -> None:
    page = tab(f"#tab=drag&{PICTURE}", width=360, has_touch=True)
    shape = page.locator(".handles .hit")
    box = until(page, lambda: shape.count() and shape.bounding_box())
    until(page, lambda: page.locator(".standing").inner_text() == "")
    finger = page.context.new_cdp_session(page)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x + 20, "y": y}]),
        ("touchMove", [{"x": x + 0.1 * 328, "y": y - 0.1 * 328}]),
        ("touchEnd", []),
    ):
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.wait_for_timeout(50)
    right, down = map(float, until(page, lambda: held(page).get("move")).split(","))
    assert (right, down) == pytest.approx((0.1, -0.1), abs=0.02)
    assert page.evaluate("scrollY") == 0
    until(page, lambda: page.locator(".drag .frames canvas:not([data-look=empty])").count())
    assert page.locator("#drag-keys").inner_text().endswith("its knob turns it.")  # keys are of keyboards
    edited, score, frames = (
        page.locator(of).bounding_box()["y"] for of in (".shot >> nth=1", ".drag .result", ".drag .timeline")
    )
    assert edited < score < frames


def test_a_full_queue_and_a_worker_that_died_are_told(tab: Callable[..., Any]) -> None:
    page = tab("#tab=study")
    refused = json.dumps({"error": "as many pictures wait as may; ask again in a while"})
    died = json.dumps({"error": "the worker died and is replaced", "again": True})
    refusals = iter([{"status": 429, "body": refused, "headers": {"Retry-After": "2"}}])
    stream = {"body": f"id: 0\nevent: failed\ndata: {died}\n\n", "content_type": "text/event-stream"}
    ends = iter([stream])

    def answer(answers: Iterator[dict[str, Any]]) -> Callable[[Any], None]:
        def once(route: Any) -> None:
            given = next(answers, None)
            route.fulfill(**given) if given else route.fallback()

        return once

    page.route("**/api/pictures", answer(refusals))
    page.route("**/api/jobs/*/events", answer(ends))
    page.get_by_role("tab", name="Watch").click()
    said = page.locator(".standing")
    until(page, lambda: "As many pictures wait as may" in said.inner_text())
    assert "asked again in 2 seconds" in said.inner_text()
    until(page, lambda: "The worker died and is replaced" in said.inner_text())
    page.get_by_role("button", name="Try again").click()
    watched(page)
