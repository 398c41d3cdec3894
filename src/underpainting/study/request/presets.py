"""Settings of published studies, section by section, to begin from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from underpainting.errors import UnderpaintingError

Settings = Mapping[str, Mapping[str, Any]]

_STABLE_DIFFUSION = {
    "name": "CompVis/stable-diffusion-v1-4",
    "scheduler": "lms",
    "steps": 15,
    "guidance_scale": 7.5,
    "dtype": "float16",
}

PRESETS: dict[str, Settings] = {
    "chen2023": {
        "model": _STABLE_DIFFUSION,
        "split": {"fit": 0.3323, "calibrate": 0.0664, "test": 0.6013},
        "labels": {"estimator": "tracer,midas", "classifier": "vgg16"},
        "controls": {
            "use": ("latents", "decoder", "estimator", "luminance", "permuted-own"),
            "share": 1.0,
        },
    },
    "chen2023-shading": {
        "model": _STABLE_DIFFUSION,
        "split": {"fit": 0.6726, "calibrate": 0.1378, "test": 0.1896},
        "watch": {"layers": ("up.3.0",)},
        "labels": {"estimator": "intrinsic"},
        "controls": {"share": 1.0},
    },
}
"""Chen, Viegas and Wattenberg 2023, arXiv 2306.05720: 246 pictures to train on, 371 to test; shading on one
layer and a split of its own, 500 and 117. A sixth of those to train on calibrate here.
"""


def with_preset(name: str | None, options: Settings) -> dict[str, dict[str, Any]]:
    """A preset's settings with others in place of its own. Raises UnderpaintingError for an unknown name."""
    if name is not None and name not in PRESETS:
        raise UnderpaintingError(f"no preset {name!r}: give {' or '.join(PRESETS)}")
    preset = PRESETS[name] if name else {}
    return {
        section: {**preset.get(section, {}), **options.get(section, {})}
        for section in dict.fromkeys([*preset, *options])
    }
