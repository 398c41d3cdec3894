"""Reading picture files: the one way in for pictures, and for masks and maps that come as pictures."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from underpainting.errors import UnderpaintingError, reason

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
"""Of picture files."""

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
"""What is tried on a file, whatever its name; none of them runs what it holds, as PostScript would."""

LARGEST = 178_956_970
"""Pixels. A file whose header states more is not decoded (it is where Pillow sees a decompression bomb)."""

PAPER = 255
"""What transparent pictures are laid on: white, as viewers and browsers show them."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Pixels:
    """A picture file's pixels, upright, as the file has them.

    values: grey [height, width] in the file's own numbers, or uint8 [height, width, 3 or 4] of RGB or RGBA.
    white: the number that is white: 255, 65535 (16 bits), 1 (floating point); None where the file does not
    say. exact: whether the file keeps what was saved, as JPEG and WEBP do not.
    """

    values: Array
    white: int | None
    exact: bool


def read_frame(path: Path) -> Tensor:
    """A picture file as it is, upright, uint8 [height, width, 3].

    16 bits are brought to 8 by their share of white, floating point by its share of 1; what is transparent
    shows white paper. Raises UnderpaintingError as `read_pixels`, and where numbers have no known white.
    """
    pixels = read_pixels(path)
    values = pixels.values
    if values.ndim == 2:
        low, high = values.min(), values.max()
        if pixels.white is None or not 0 <= low <= high <= pixels.white:
            raise UnderpaintingError(
                f"{path} holds numbers from {low:g} to {high:g}, of which none is known to be white; give a "
                "picture of 8 or 16 bits, or numbers from 0 to 1"
            )
        levels = values if pixels.white == 255 else np.rint(values * (255 / pixels.white)).astype(np.uint8)
        values = levels[..., None].repeat(3, axis=-1)
    elif values.shape[-1] == 4:
        opacity = values[..., 3:].astype(np.uint16)
        mixed = values[..., :3] * opacity + PAPER * (255 - opacity)
        values = ((mixed + 127) // 255).astype(np.uint8)
    return torch.from_numpy(values)


def fit_picture(frame: Tensor, size: tuple[int, int]) -> Tensor:
    """A picture uint8 [height, width, 3] as [3, height, width] in 0..1, cut about its middle and scaled.

    size: (height, width), to whose shape it is cut.
    """
    whole = Image.fromarray(frame.numpy())
    fitted = ImageOps.fit(whole, (size[1], size[0]), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(fitted)).permute(2, 0, 1).float() / 255


def read_pixels(path: Path) -> Pixels:
    """The pixels of a file, whatever its kind: 8 and 16 bits, floating point, palettes, CMYK, transparency.

    A turn by EXIF is followed, and of a camera's several pictures the first is the picture. Raises
    UnderpaintingError where there is no such file, it is no picture, is damaged, too large or animated, or
    holds what is not known to be dark or bright.
    """
    with _opened(path) as image:
        if image.width * image.height > LARGEST:
            raise Image.DecompressionBombError
        if getattr(image, "is_animated", False) and image.format != "MPO":
            raise UnderpaintingError(f"{path} holds several pictures; save the one that is meant by itself")
        ImageOps.exif_transpose(image, in_place=True)
        exact = image.format not in ("JPEG", "MPO", "WEBP")
        deep = image.mode.startswith(("I", "F"))
        values = np.array(image if deep else image.convert(_plain(image)))
        if deep and (oddity := _oddity(image, values)):
            raise UnderpaintingError(f"{path} has {oddity}; save it anew with 8 bits, or 16 bits of grey")
        return Pixels(values, _white(image) if deep else 255, exact)


def _plain(image: Image.Image) -> str:
    """The mode of 8 bits that holds all of an image."""
    palette = image.palette.mode if image.palette else ""
    if "transparency" in image.info or image.mode.endswith(("A", "a")) or palette.endswith("A"):
        return "RGBA"
    return "L" if image.mode in ("1", "L") else "RGB"


def _oddity(image: Image.Image, values: Array) -> str:
    """What numbers of more than 8 bits have that Pillow does not follow; empty where nothing."""
    if not np.isfinite(values).all():
        return "numbers that are not finite"
    if "transparency" in image.info:
        return "one grey that is transparent"
    is_reversed = image.format == "TIFF" and image.getexif().get(262) == 0  # PhotometricInterpretation
    return "0 as white" if is_reversed else ""


def _white(image: Image.Image) -> int | None:
    """Of numbers of more than 8 bits."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return 65535
    return 1 if image.mode == "F" else None


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A picture file, while it is read; whatever a file does to the library is one line."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise UnidentifiedImageError  # a pipe would never end
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow's, about sizes and metadata
            # not by its name: Pillow would map its memory, which garbles turned TIFFs
            with path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
                yield image
    except UnderpaintingError:
        raise
    except Image.DecompressionBombError:
        raise UnderpaintingError(
            f"{path} has more than {LARGEST // 10**6} million pixels, more than is read; make it smaller"
        ) from None
    except Exception as error:
        why = getattr(error, "strerror", None) or reason(error)
        if isinstance(error, UnidentifiedImageError):
            why = "it is no picture"
        raise UnderpaintingError(
            f"{path} cannot be read as a picture ({why}); give a PNG, JPEG or WEBP file"
        ) from None
