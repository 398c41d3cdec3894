"""Strips and contact sheets show every picture, with the target's outline on both."""

import io

import numpy as np
from PIL import Image

from underpainting.colours import OUTLINE
from underpainting.intervention.drawing import Shown, contact_sheet, intervention_strip

GREY = np.full((64, 64, 3), 90, dtype=np.uint8)
MASK = np.zeros((64, 64), dtype=np.float32)
MASK[10:30, 20:50] = 1


def outlined(png: bytes, columns: int) -> list[bool]:
    """Whether the outline's colour is in each of the equal parts of a page that are right of its words."""
    with Image.open(io.BytesIO(png)) as image:
        page = np.asarray(image.convert("RGB")).astype(int)
    is_outline = (np.abs(page - OUTLINE).max(2) < 8)[:, int(page.shape[1] * 2.5 / (2.7 + 1.78 * columns)) :]
    return [bool(part.any()) for part in np.array_split(is_outline, columns, axis=1)]


def test_both_pictures_have_the_targets_outline() -> None:
    shown = Shown("a mug for $5 or $6", ["seed 7: 0.2 to the right"], GREY, GREY, MASK)
    assert outlined(contact_sheet([shown]), 2) == [True, True]
    assert outlined(intervention_strip(shown, {"saliency": (MASK, MASK, MASK)}), 3) == [True, True, False]
    assert outlined(contact_sheet([Shown("a mug", [], GREY, GREY)]), 2) == [False, False]


def test_a_sheet_has_a_row_a_picture() -> None:
    def height(count: int) -> int:
        with Image.open(io.BytesIO(contact_sheet([Shown("a mug", [], GREY, GREY)] * count))) as image:
            return image.height

    one, two, three = map(height, (1, 2, 3))
    assert abs((three - two) - (two - one)) <= 1 and two - one > 64
