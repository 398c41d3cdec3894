"""Settings to begin from, section by section: those of published studies, and of kinds of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from underpainting.errors import UnderpaintingError

Settings = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Preset:
    """Settings to begin from, and whose they are in a few words."""

    about: str
    settings: Settings


_STABLE_DIFFUSION = {
    "name": "CompVis/stable-diffusion-v1-4",
    "scheduler": "lms",
    "steps": 15,
    "guidance_scale": 7.5,
    "dtype": "float16",
}

PRESETS = {
    "chen2023": Preset(
        "Chen, Viégas and Wattenberg 2023",
        {
            "model": _STABLE_DIFFUSION,
            "split": {"fit": 0.3323, "calibrate": 0.0664, "test": 0.6013},
            "labels": {"estimator": "tracer,midas", "classifier": "vgg16"},
            "controls": {
                "use": ("latents", "decoder", "estimator", "luminance", "permuted-own"),
                "share": 1.0,
            },
        },
    ),
    "chen2023-shading": Preset(
        "their study of shading",
        {
            "model": _STABLE_DIFFUSION,
            "split": {"fit": 0.6726, "calibrate": 0.1378, "test": 0.1896},
            "watch": {"layers": ("up.3.0",)},
            "labels": {"estimator": "intrinsic"},
            "controls": {"share": 1.0},
        },
    ),
    "sdxl": Preset(
        "models of SDXL's kind on one GPU",
        {
            "model": {
                "name": "stabilityai/stable-diffusion-xl-base-1.0",
                "scheduler": "pipeline",
                "steps": 30,
                "guidance_scale": 5.0,
                "dtype": "float16",
            },
            "watch": {"layers": ("down.1.*", "up.1.*", "*.0")},
            "labels": {"estimator": "tracer,midas"},
            "controls": {"use": ("latents", "network", "fresh")},
            "run": {"batch_size": 2, "shard_size": 200},
        },
    ),
}
"""Chen, Viégas and Wattenberg 2023, arXiv 2306.05720: 246 pictures to train on, 371 to test; shading on one
layer and a split of its own, 500 and 117. A sixth of those to train on calibrate here.

SDXL: diffusers' own scheduler and guidance; every layer of the finer grid, where transformers stack two
blocks, and the first of each transformer of the coarser one, where they stack ten.
"""


def with_preset(name: str | None, options: Settings) -> dict[str, dict[str, Any]]:
    """A preset's settings with others in place of its own. Raises UnderpaintingError for an unknown name."""
    if name is not None and name not in PRESETS:
        raise UnderpaintingError(f"no preset {name!r}: give {' or '.join(PRESETS)}")
    preset = PRESETS[name].settings if name else {}
    return {
        section: {**preset.get(section, {}), **options.get(section, {})}
        for section in dict.fromkeys([*preset, *options])
    }
