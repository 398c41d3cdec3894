"""One colour ramp a property, named after the underpaintings of painters, in even steps.

Verdaccio is the green underpainting, brunaille the brown and grisaille the grey one. All run from dark
(small) to light (large), so near is light in a map of inverse depth.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

# Anchors in OKLCH: lightness 0..1, chroma, hue in degrees.
RAMPS = {
    "verdaccio": ((0.23, 0.035, 215.0), (0.47, 0.075, 172.0), (0.72, 0.110, 140.0), (0.95, 0.065, 108.0)),
    "brunaille": ((0.21, 0.045, 15.0), (0.44, 0.095, 38.0), (0.70, 0.120, 66.0), (0.95, 0.050, 95.0)),
    "grisaille": ((0.20, 0.012, 265.0), (0.95, 0.008, 95.0)),
    "ultramarine": ((0.22, 0.060, 285.0), (0.48, 0.110, 265.0), (0.72, 0.090, 240.0), (0.95, 0.040, 200.0)),
}
PAPER, INK = "#ffffff", "#1c1b19"
OUTLINE = (214, 60, 120)
"""Red, green and blue of a target's outline."""

RAMP_OF = {"saliency": "verdaccio", "depth": "brunaille", "shading": "grisaille"}
OWN = "ultramarine"


def ramp_name(name: str) -> str:
    """Ramp of a property; a user's own properties share one."""
    return RAMP_OF.get(name, OWN)


@cache
def ramp(name: str) -> NDArray[np.uint8]:
    """The ramp's 256 colours [256, 3] in sRGB, dark to light, evenly spaced in OKLab (Ottosson 2020)."""
    lightness, chroma, hue = np.array(RAMPS[name]).T
    turn = np.radians(hue)
    anchors = np.stack([lightness, chroma * np.cos(turn), chroma * np.sin(turn)], axis=-1)
    at = np.linspace(0, len(anchors) - 1, 4096)
    path = np.stack([np.interp(at, np.arange(len(anchors)), anchors[:, i]) for i in range(3)], axis=-1)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    even = np.linspace(0, length[-1], 256)
    return _srgb(np.stack([np.interp(even, length, path[:, i]) for i in range(3)], axis=-1))


def colour(name: str, value: float) -> str:
    """Hexadecimal colour of a value 0..1 on a ramp."""
    r, g, b = ramp(name)[int(np.clip(round(value * 255), 0, 255))]
    return f"#{r:02x}{g:02x}{b:02x}"


def _srgb(lab: NDArray[np.float64]) -> NDArray[np.uint8]:
    lms = lab @ np.array(
        [
            [1.0, 1.0, 1.0],
            [0.3963377774, -0.1055613458, -0.0894841775],
            [0.2158037573, -0.0638541728, -1.2914855480],
        ]
    )
    linear = lms**3 @ np.array(
        [
            [4.0767416621, -1.2684380046, -0.0041960863],
            [-3.3077115913, 2.6097574011, -0.7034186147],
            [0.2309699292, -0.3413193965, 1.7076147010],
        ]
    )
    linear = np.clip(linear, 0, 1)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    rounded: NDArray[np.uint8] = np.round(coded * 255).astype(np.uint8)
    return rounded
