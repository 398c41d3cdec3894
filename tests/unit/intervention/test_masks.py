"""Drawn masks fit the picture, whatever their size; one that leaves no choice is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from underpainting.errors import UnderpaintingError
from underpainting.intervention.masks import about_mask, drawn_mask, fit_mask

LEFT = np.arange(64).reshape(8, 8) % 8 < 3


@pytest.mark.parametrize("kind", ["path", "text", "booleans", "tensor"])
def test_a_drawn_mask_is_a_file_or_an_array(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.fromarray(LEFT.astype(np.uint8)).save(path)
    masks: dict[str, Any] = {"path": path, "text": str(path), "booleans": LEFT, "tensor": torch.tensor(LEFT)}
    assert torch.equal(drawn_mask(masks[kind]), torch.from_numpy(LEFT).float())


def test_a_mask_fits_the_picture_whatever_its_size() -> None:
    square = torch.zeros(64, 64)
    square[:32, :32] = 1
    for size in ((16, 16), (48, 48), (128, 128), (16, 64), (7, 5)):
        fitted = fit_mask(square, size, Path("m.png"))
        assert fitted.shape == size and set(fitted.unique().tolist()) == {0, 1}
        assert fitted.mean() == pytest.approx(0.25, abs=0.5 / min(size))
        assert fitted[0, 0] == 1 and fitted[-1].sum() == fitted[:, -1].sum() == 0
    assert torch.equal(fit_mask(square, (64, 64), Path("m.png")), square)


def test_a_mask_that_seems_inverted_is_said() -> None:
    assert about_mask(drawn_mask(LEFT), Path("drawn.png")) == []
    (line,) = about_mask(drawn_mask(~LEFT), Path("drawn.png"))
    assert "drawn.png" in line and "62%" in line and "invert it" in line


def test_a_mask_of_nothing_is_refused_by_name(tmp_path: Path) -> None:
    for level in (0, 255):
        Image.new("L", (8, 8), level).save(tmp_path / "alike.png")
        for mask, name in ((tmp_path / "alike.png", r"alike\.png"), (np.full((8, 8), level > 0), "array")):
            with pytest.raises(UnderpaintingError, match=f"{name} is all of one colour; make white"):
                drawn_mask(mask)
    (tmp_path / "words.png").write_text("no picture")
    with pytest.raises(UnderpaintingError, match=r"words\.png cannot be read"):
        drawn_mask(tmp_path / "words.png")
    dot = torch.zeros(64, 64)
    dot[3, 3] = 1
    with pytest.raises(UnderpaintingError, match="nothing is the object at the picture's 8 x 16 pixels"):
        fit_mask(dot, (16, 8), Path("dot.png"))
