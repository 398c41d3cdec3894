"""Masks mean the same in whatever file they come, and fit the picture."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from underpainting.errors import UnderpaintingError
from underpainting.intervention.masks import fit_mask, read_mask

DISC = np.hypot(*(np.mgrid[:32, :32] - 15.5)) < 9


def _alpha(colour: int) -> Image.Image:
    return Image.merge("LA", (Image.new("L", (32, 32), colour), Image.fromarray(DISC.astype(np.uint8) * 255)))


def _palette() -> Image.Image:
    image = Image.fromarray(DISC.astype(np.uint8), mode="P")
    image.putpalette([0, 0, 0, 128, 0, 0])
    return image


def _blue() -> Image.Image:
    return Image.fromarray((DISC[..., None] * np.array([0, 0, 255])).astype(np.uint8))


KINDS: dict[str, Callable[[], Image.Image]] = {
    "black and white": lambda: Image.fromarray(DISC),
    "labels 0 and 1": lambda: Image.fromarray(DISC.astype(np.uint8)),
    "16 bits on a dark ground": lambda: Image.fromarray(np.where(DISC, 65535, 300).astype(np.uint16)),
    "white, the ground transparent": lambda: _alpha(255).convert("RGBA"),
    "black, the ground transparent": lambda: _alpha(0),
    "dark red of a palette": _palette,
    "blue": _blue,
    "blue, opaque": lambda: _blue().convert("RGBA"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_the_same_mask(kind: str, tmp_path: Path) -> None:
    KINDS[kind]().save(tmp_path / "mask.png")
    assert torch.equal(read_mask(tmp_path / "mask.png"), torch.from_numpy(DISC).float())


def test_a_turned_photograph_is_seen_as_viewers_show_it(tmp_path: Path) -> None:
    left = np.zeros((32, 16), dtype=np.uint8)
    left[:, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    Image.fromarray(left).save(tmp_path / "mask.jpg", exif=exif, quality=100)
    mask = read_mask(tmp_path / "mask.jpg")
    assert mask.shape == (16, 32) and mask[:8].all() and not mask[8:].any()


def test_a_mask_fits_the_picture_whatever_its_size() -> None:
    square = torch.zeros(64, 64)
    square[:32, :32] = 1
    for size in ((16, 16), (48, 48), (128, 128), (16, 64), (7, 5)):
        fitted = fit_mask(square, size, Path("m.png"))
        assert fitted.shape == size and set(fitted.unique().tolist()) == {0, 1}
        assert fitted.mean() == pytest.approx(0.25, abs=0.5 / min(size))
        assert fitted[0, 0] == 1 and fitted[-1].sum() == fitted[:, -1].sum() == 0
    assert torch.equal(fit_mask(square, (64, 64), Path("m.png")), square)


def test_a_mask_of_nothing_is_refused_by_name(tmp_path: Path) -> None:
    Image.new("L", (8, 8), 255).save(tmp_path / "white.png")
    with pytest.raises(UnderpaintingError, match=r"white\.png is all of one colour"):
        read_mask(tmp_path / "white.png")
    (tmp_path / "words.png").write_text("no picture")
    with pytest.raises(UnderpaintingError, match=r"words\.png cannot be read"):
        read_mask(tmp_path / "words.png")
    dot = torch.zeros(64, 64)
    dot[3, 3] = 1
    with pytest.raises(UnderpaintingError, match="nothing is the object at the picture's 8 x 16 pixels"):
        fit_mask(dot, (16, 8), Path("dot.png"))
