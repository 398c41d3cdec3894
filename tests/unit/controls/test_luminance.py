"""The picture's luminance, of shading alone."""

import numpy as np
import torch

from tests.unit.study.places import DEPTH, SALIENCY
from underpainting.controls import FinishedPicture, controls
from underpainting.vocabulary import Property

SHADING = Property("shading", False)


def test_it_is_the_luminance_of_bt_709() -> None:
    picture = torch.randint(0, 256, (6, 5, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    finished = FinishedPicture(picture, {}, None, None, (SALIENCY, DEPTH, SHADING))
    maps = controls()["luminance"].maps(finished)
    assert maps.keys() == {"luminance"} and maps["luminance"].keys() == {"shading"}
    red, green, blue = (picture.numpy() / 255).transpose(2, 0, 1)
    expected = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    np.testing.assert_allclose(maps["luminance"]["shading"].numpy(), expected[None], rtol=1e-5)


def test_without_shading_it_says_nothing() -> None:
    finished = FinishedPicture(torch.zeros(2, 2, 3, dtype=torch.uint8), {}, None, None, (DEPTH,))
    assert controls()["luminance"].maps(finished)["luminance"] == {}
