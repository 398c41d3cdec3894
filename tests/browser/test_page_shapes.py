"""The page's arithmetic, in the browser: outlines are the mask's, and a drag is what the server moves."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from underpainting.intervention.asked import middle
from underpainting.intervention.moves import Move
from underpainting.intervention.trials import moved
from underpainting.seeds.wish import boxed

STATIC = Path(str(files("underpainting.page"))) / "static"
RINGS = """async ([field, grid, cut]) => (await import('/shape.js')).rings(field, grid, cut)"""
MOVED = """async ([field, size, target, middle]) => {
  const { rings, matrixOf, moved, kept } = await import('/shape.js');
  const matrix = matrixOf(kept(target, middle), middle, size);
  const [height, width] = size, placed = ([x, y]) => moved(matrix, [x * width, y * height]);
  return rings(field, size, 0.5).map((ring) => ring.map(placed).map(([x, y]) => [x / width, y / height]));
}"""
MEETS = """async ([given, reading, grid]) => {
  const { coverage, keptWish, meets } = await import('/wish.js'), wish = keptWish(given);
  return [meets(reading, coverage(wish, grid)), wish];
}"""
LINK = """async (choices) => {
  const { CHOICES, fromHash, toHash } = await import('/state.js');
  return fromHash(toHash({ ...CHOICES, ...choices }));
}"""


@pytest.fixture(scope="module")
def modules(browser: Any) -> Iterator[Any]:
    """A page that may import the page's modules; there is no server."""
    context = browser.new_context()
    page = context.new_page()

    def answer(route: Any) -> None:
        name = route.request.url.rsplit("/", 1)[1]
        kind = "text/javascript" if name else "text/html"
        route.fulfill(
            body=(STATIC / name).read_text("utf-8") if name else "<!doctype html>", content_type=kind
        )

    page.route("**/*", answer)
    page.goto("http://modules.test/")
    yield page
    context.close()


def inside(rings: list[list[list[float]]], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which cells have their middle within an odd number of outlines."""
    down, right = (np.indices(size) + 0.5) / np.array(size)[:, None, None]
    points = np.stack([right.ravel(), down.ravel()], axis=1)
    within = np.zeros(len(points), bool)
    for ring in rings:
        within ^= Outline(ring + ring[:1]).contains_points(points)
    return within.reshape(size)


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@settings(max_examples=40)
@given(st.data())
def test_outlines_part_what_is_above_the_cut_from_what_is_not(modules: Any, data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 7))
    levels = st.integers(-3, 3).map(lambda value: value + 0.5)
    field = data.draw(st.lists(levels, min_size=rows * columns, max_size=rows * columns))
    rings = modules.evaluate(RINGS, [field, [rows, columns], 0])
    assert np.array_equal(inside(rings, (rows, columns)), np.reshape(field, (rows, columns)) > 0)
    assert all(0 <= value <= 1 for ring in rings for point in ring for value in point)


@pytest.mark.parametrize("size", [(64, 64), (48, 96)])
@pytest.mark.parametrize(
    "target",
    [
        {"move": [0.15, -0.1], "scale": 1, "rotate": 0, "mirror": False},
        {"move": [0, 0], "scale": 1.4, "rotate": 0, "mirror": False},
        {"move": [0, 0], "scale": 1, "rotate": 50, "mirror": False},
        {"move": [0.05, 0], "scale": 1, "rotate": 0, "mirror": True},
        {"move": [-0.1, 0.1], "scale": 0.8, "rotate": -35, "mirror": True},
    ],
)
def test_what_is_dragged_is_the_servers_target(
    modules: Any, size: tuple[int, int], target: dict[str, Any]
) -> None:
    down, right = np.indices(size)
    mask = (abs(down - size[0] * 0.5) < size[0] * 0.22) & (abs(right - size[1] * 0.4) < size[1] * 0.1)
    mask |= (down > size[0] * 0.6) & (down < size[0] * 0.7) & (abs(right - size[1] * 0.5) < size[1] * 0.14)
    own = torch.from_numpy(mask.astype(np.float32))
    at = middle(own)
    rings = modules.evaluate(MOVED, [mask.ravel().astype(float).tolist(), size, target, list(at)])
    move = Move(*target["move"], target["scale"], target["rotate"], target["mirror"], at)
    wanted, drawn = moved(own[None], [move], empty=True)[0].numpy() >= 0.5, inside(rings, size)
    assert dice(drawn, wanted) > 0.95
    assert dice(drawn, mask) < 0.9


@settings(max_examples=20)
@given(st.data())
def test_a_wish_is_met_as_the_search_of_seeds_has_it(modules: Any, data: st.DataObject) -> None:
    grid = data.draw(st.sampled_from([(16, 16), (8, 8), (4, 16)]))
    shares = st.floats(0, 1, width=16)
    given_wish = data.draw(st.tuples(shares, shares, shares, shares))
    values = np.random.default_rng(data.draw(st.integers(0, 99))).uniform(-0.5, 1.5, grid)
    own, (x, y, wide, high) = modules.evaluate(MEETS, [list(given_wish), values.ravel().tolist(), grid])
    wish = boxed("", (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2))
    assert own == pytest.approx(wish.score({"saliency": torch.from_numpy(values)[None]}).item(), abs=1e-9)


def test_a_link_says_all_that_was_chosen_and_nothing_that_is_wrong(modules: Any) -> None:
    usual = modules.evaluate(LINK, {})
    chosen = {
        "tab": "drag", "prompt": "a mug & a lamp, #3 = “ü”", "seed": 2**53 - 1, "steps": 20, "guidance": 2.5,
        "step": 3, "property": "depth", "layer": "up.3.0", "look": "noisy", "shape": "read",
        "move": [0.123, -0.5], "scale": 1.25, "rotate": -30, "mirror": True,
        "kind": "covariance", "strength": 0, "wish": [0.4, 0.3, 0.25, 0.5], "after": 5, "count": 48,
        "tiles": "read",
    }  # fmt: skip
    assert chosen.keys() == usual.keys()
    assert modules.evaluate(LINK, chosen) == chosen
    wrong = (
        "#tab=x&seed=-1&steps=2.5&move=2,0&scale=0&rotate=a&look=1&step=&wish=1,2,3&after=9&count=0&tiles=x"
    )
    read = modules.evaluate("async (hash) => (await import('/state.js')).fromHash(hash)", wrong)
    assert read == usual
