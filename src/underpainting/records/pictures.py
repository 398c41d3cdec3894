"""Reading picture files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from underpainting.errors import UnderpaintingError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
"""Of picture files."""


def read_picture(path: Path, size: tuple[int, int]) -> Tensor:
    """A picture file as [3, height, width] in 0..1, cut about its middle to the shape of `size` and scaled.

    Raises UnderpaintingError where it is missing or no picture.
    """
    fitted = ImageOps.fit(_open(path), (size[1], size[0]), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(fitted)).permute(2, 0, 1).float() / 255


def read_frame(path: Path) -> Tensor:
    """A picture file as it is, uint8 [height, width, 3]. Raises as `read_picture`."""
    return torch.from_numpy(np.array(_open(path)))


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        reason = "it is no picture" if isinstance(error, UnidentifiedImageError) else str(error)
        raise UnderpaintingError(f"{path} cannot be read ({reason}); give a PNG, JPEG or WEBP file") from None
