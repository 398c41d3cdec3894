"""What travels can be read again, as docs/page.md says."""

import base64
import io
import json
import math
from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from underpainting.page.wire import colours, defined, first_classes, levels, png, webp, whole_map

NUMBERS = st.floats(-1e6, 1e6, width=32)


def read(sent: dict[str, Any]) -> NDArray[np.float64]:
    """As the docs' example reads it."""
    shares = np.frombuffer(base64.b64decode(sent["data"]), np.uint8) / 255
    return sent["low"] + shares * (sent["high"] - sent["low"])


@given(arrays(np.float32, (3, 20), elements=NUMBERS))
def test_readings_come_back_within_half_a_level(values: NDArray[np.float32]) -> None:
    for own, sent in zip(values, levels(torch.from_numpy(values)), strict=True):
        half = (sent["high"] - sent["low"]) / 510
        assert np.abs(read(sent) - own).max() <= half * 1.001 + 1e-6
        assert json.loads(json.dumps(sent)) == sent


def test_a_large_map_is_averaged_to_the_longest_side() -> None:
    values = torch.rand(256, 512, generator=torch.Generator().manual_seed(0))
    sent = whole_map(values)
    assert sent["size"] == [64, 128]
    means = values.reshape(64, 4, 128, 4).mean((1, 3)).numpy()
    assert np.abs(read(sent).reshape(64, 128) - means).max() < 0.01


def test_a_mask_stays_what_it_is() -> None:
    mask = (torch.rand(20, 30, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    assert np.array_equal(read(whole_map(mask)).reshape(20, 30), mask.numpy())
    assert not read(whole_map(torch.zeros(4, 4))).any()


def test_pictures_are_files_that_browsers_show() -> None:
    picture = torch.randint(0, 256, (8, 12, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    head, _, data = png(picture).partition(",")
    assert head == "data:image/png;base64"
    assert np.array_equal(np.array(Image.open(io.BytesIO(base64.b64decode(data)))), picture.numpy())
    head, _, data = webp(picture).partition(",")
    assert head == "data:image/webp;base64" and Image.open(io.BytesIO(base64.b64decode(data))).size == (12, 8)
    sent = colours(picture)
    assert sent["size"] == [8, 12] and base64.b64decode(sent["data"]) == picture.numpy().tobytes()


def test_classes_are_told_with_their_first_names() -> None:
    chances = torch.tensor([0.1, 0.6, 0.3])
    assert first_classes(chances, ["mug, cup", "car", "cone, pylon"], 2) == [["car", 0.6], ["cone", 0.3]]
    assert len(first_classes(chances, ["a", "b", "c"], 5)) == 3


def test_numbers_that_json_has_not_are_null() -> None:
    assert [defined(value) for value in (1.5, math.nan, math.inf)] == [1.5, None, None]
