"""What is out of range is refused before any work, and what is in range arrives as it was sent."""

import base64
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from underpainting.intervention.asked import make_asked
from underpainting.page.asks import EditAsk, MaskAsk, PictureAsk

PICTURE: dict[str, Any] = {"prompt": "a blue mug", "seed": 3}


def mask(height: int, width: int, cells: bytes | None = None) -> dict[str, Any]:
    data = bytes(height * width) if cells is None else cells
    return {"size": [height, width], "data": base64.b64encode(data).decode()}


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt": ""},
        {"prompt": "   "},
        {"prompt": "a\nb"},
        {"prompt": "\x00"},
        {"prompt": "x" * 501},
        {"prompt": 7},
        {"seed": -1},
        {"seed": 2**53},
        {"seed": 1.5},
        {"steps": 0},
        {"steps": 101},
        {"guidance_scale": -1},
        {"guidance_scale": 31},
        {"guidance_scale": float("nan")},
        {"folder": "/etc"},
    ],
)
def test_a_picture_that_is_none(wrong: dict[str, Any]) -> None:
    PictureAsk.model_validate(PICTURE)
    with pytest.raises(ValidationError):
        PictureAsk.model_validate(PICTURE | wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"move": [0, 0], "scale": 1},
        {"move": [2, 0]},
        {"move": [0.1]},
        {"scale": 0},
        {"scale": 11},
        {"rotate": 361},
        {"nearer": float("inf")},
        {"mask": mask(2, 3), "mirror": True},
        {"mask": {"size": [2, 3], "data": "not base64!"}},
        {"mask": mask(2, 3) | {"size": [3, 3]}},
        {"mask": mask(1, 1) | {"size": [2000, 1]}},
        {"mirror": True, "edit": {"kind": "other"}},
        {"mirror": True, "edit": {"strength": -1}},
        {"mirror": True, "edit": {"layers": []}},
        {"mirror": True, "edit": {"branches": ["both"]}},
        {"mirror": True, "edit": {"out": "/tmp"}},
    ],
)
def test_an_edit_that_is_none(wrong: dict[str, Any]) -> None:
    EditAsk.model_validate(PICTURE | {"mirror": True})
    with pytest.raises(ValidationError):
        EditAsk.model_validate(PICTURE | wrong)


def test_an_edit_asks_for_what_an_intervention_does() -> None:
    ask = EditAsk.model_validate(PICTURE | {"move": [0.2, -0.1], "scale": 2, "rotate": 30, "relight": True})
    asked = make_asked(ask.asked)
    assert (asked.right, asked.down, asked.scale, asked.angle) == (0.2, -0.1, 2, 30)
    assert asked.properties == ("saliency", "shading")


def test_a_mask_is_the_object_from_half_on() -> None:
    ask = MaskAsk.model_validate(mask(2, 2, bytes([0, 127, 128, 255])))
    assert np.array_equal(ask.array, [[0, 0], [1, 1]])
