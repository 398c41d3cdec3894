"""Sheets: pictures, maps and outlines are where they belong."""

import io

import numpy as np
from PIL import Image

from underpainting.colours import ramp
from underpainting.seeds.sheet import Course, Preview, course_sheet, preview_sheet

RED, BLUE = (np.full((16, 16, 3), colour, np.uint8) for colour in ((220, 30, 30), (30, 30, 220)))


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def share(page: np.ndarray, colour: tuple[int, ...]) -> float:
    return float((np.abs(page - colour).max(-1) < 12).mean())


def test_previews_show_pictures_and_maps_on_white() -> None:
    maps = {"saliency": np.ones((4, 4)), "depth": np.eye(4)}
    page = pixels(
        preview_sheet([Preview(RED, maps, "seed 1", "0.50"), Preview(BLUE, maps, "seed 2")], "a", "b")
    )
    assert tuple(page[0, 0]) == (255, 255, 255)
    light = tuple(int(of) for of in ramp("verdaccio")[-1])
    red, blue, there = (share(page, of) for of in ((220, 30, 30), (30, 30, 220), light))
    assert red > 0.02 and abs(red - blue) < 0.2 * red and there > red


def test_many_previews_fill_rows_and_a_wished_mask_is_outlined() -> None:
    previews = [Preview(BLUE, {"saliency": np.zeros((4, 4))}, f"seed {i}") for i in range(9)]
    plain = pixels(preview_sheet(previews, "a", "b"))
    drawn = pixels(preview_sheet(previews, "a", "b", np.pad(np.ones((2, 2)), 1)))
    assert plain.shape == drawn.shape and plain.shape[0] > 200
    assert share(drawn, (214, 60, 120)) > share(plain, (214, 60, 120)) == 0


def test_a_course_ends_with_the_finished_picture() -> None:
    mask = np.pad(np.ones((2, 2), np.float32), 1)
    course = Course("a red mug", ["seed 1"], [BLUE], [mask], RED, None)
    page = pixels(course_sheet([course, course], ["step 1"]))
    columns = [
        np.nonzero((np.abs(page - of).max(-1) < 12).sum(0) > 50)[0] for of in ((30, 30, 220), (220, 30, 30))
    ]
    assert columns[0].max() < columns[1].min()
    assert pixels(course_sheet([Course("a", [], [], [], RED, mask)], [])).shape[0] > 0
