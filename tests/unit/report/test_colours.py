import re
from importlib import resources

import numpy as np
import pytest

from underpainting.colours import RAMPS, colour, ramp, ramp_name


def linear(srgb: np.ndarray) -> np.ndarray:
    coded = np.asarray(srgb) / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def cielab(srgb: np.ndarray) -> np.ndarray:
    xyz = (
        linear(srgb)
        @ np.array(
            [
                [0.4124564, 0.3575761, 0.1804375],
                [0.2126729, 0.7151522, 0.0721750],
                [0.0193339, 0.1191920, 0.9503041],
            ]
        ).T
    )
    t = xyz / np.array([0.95047, 1.0, 1.08883])
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=-1)


@pytest.mark.parametrize("name", RAMPS)
def test_ramps_run_evenly_from_dark_to_light(name: str) -> None:
    lab = cielab(ramp(name)[::15])
    assert (np.diff(lab[:, 0]) > 1.5).all()
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    assert steps.max() / steps.min() < 2.0
    assert lab[-1, 0] - lab[0, 0] > 70


def test_each_property_has_a_ramp_and_ends_are_ends() -> None:
    assert len({ramp_name(name) for name in ("saliency", "depth", "shading", "gloss")}) == 4
    assert colour("grisaille", -1.0) == colour("grisaille", 0.0)
    assert colour("grisaille", 1.0) == "#" + "".join(f"{c:02x}" for c in ramp("grisaille")[255])


def test_text_colours_have_contrast_in_light_and_dark() -> None:
    css = (resources.files("underpainting.report") / "templates/report.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", css, flags=re.DOTALL)[:2]
    for block in blocks:
        hues = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
        paper = luminance(hues["paper"])
        for name in ("ink", "muted", "saliency", "depth", "shading", "own"):
            light, dark = sorted((paper, luminance(hues[name])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, name


def luminance(code: str) -> float:
    rgb = np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)])
    return float(linear(rgb) @ [0.2126, 0.7152, 0.0722])
