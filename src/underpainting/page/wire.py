"""How maps, previews and pictures travel: few bytes, from which the browser draws; see docs/page.md."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

MAP_SIDE = 128
"""The longest side of a map of a whole picture, in cells."""

QUALITY = 90  # of WebP


def text(data: bytes) -> str:
    """Bytes in base64."""
    return base64.b64encode(data).decode("ascii")


def levels(values: Tensor) -> list[dict[str, Any]]:
    """Maps [map, ...] of numbers as one byte a cell, each with what the bytes 0 and 255 stand for."""
    flat: NDArray[np.float32] = values.detach().cpu().float().flatten(1).numpy()
    low = flat.min(1)
    spread = flat.max(1) - low
    spread[spread == 0] = 1
    data = np.rint((flat - low[:, None]) * (255 / spread[:, None])).astype(np.uint8)
    ends = zip(low.tolist(), (low + spread).tolist(), strict=True)
    return [
        {"data": text(of.tobytes()), "low": least, "high": most}
        for of, (least, most) in zip(data, ends, strict=True)
    ]


def whole_map(values: Tensor) -> dict[str, Any]:
    """A map [height, width], at most `MAP_SIDE` on a side."""
    height, width = values.shape
    times = max(1.0, max(height, width) / MAP_SIDE)
    size = (max(1, round(height / times)), max(1, round(width / times)))
    small = values if size == (height, width) else adaptive_avg_pool2d(values[None].float(), size)[0]
    return {"size": list(size), **levels(small[None])[0]}


def colours(picture: Tensor) -> dict[str, Any]:
    """A small picture uint8 [height, width, 3] as its bytes."""
    return {"size": list(picture.shape[:2]), "data": text(picture.contiguous().numpy().tobytes())}


def png(picture: Tensor) -> str:
    """A picture uint8 [height, width, 3] as an address, without loss."""
    return f"data:image/png;base64,{text(png_file(picture.numpy()))}"


def png_file(picture: NDArray[np.uint8]) -> bytes:
    """A picture [height, width, 3] as a PNG file."""
    return _file(picture, format="PNG", compress_level=1)


def webp(picture: Tensor) -> str:
    """A picture uint8 [height, width, 3] as an address, small."""
    return f"data:image/webp;base64,{text(_file(picture.numpy(), format='WEBP', quality=QUALITY))}"


def first_classes(probabilities: Tensor, names: Sequence[str], count: int = 3) -> list[list[Any]]:
    """The likeliest classes of a picture, each with its probability, of probabilities [class]."""
    values, numbers = probabilities.topk(min(count, len(names)))
    return [
        [names[number].split(",")[0], round(value, 4)]
        for number, value in zip(numbers.tolist(), values.tolist(), strict=True)
    ]


def defined(value: float) -> float | None:
    """A number for JSON, which has none that are not finite."""
    return value if math.isfinite(value) else None


def whole_maps(maps: Mapping[str, Tensor]) -> dict[str, Any]:
    """Maps [height, width] by property."""
    return {name: whole_map(values) for name, values in maps.items()}


def _file(picture: NDArray[np.uint8], **settings: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, **settings)
    return out.getvalue()
