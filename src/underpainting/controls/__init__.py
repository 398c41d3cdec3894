"""Controls: whatever has a score beside the probe's. Every file here but the registry is one, or a family."""

from importlib import import_module
from pkgutil import iter_modules

from underpainting.controls.registry import (
    EXPLANATIONS,
    Control,
    Explanation,
    FinishedPicture,
    FitPictures,
    Line,
    Maps,
    Panel,
    Setting,
    Source,
    StandIn,
    controls,
    defaults,
    register,
    rivals,
    sources,
    ways_to_try,
)

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "EXPLANATIONS",
    "Control",
    "Explanation",
    "FinishedPicture",
    "FitPictures",
    "Line",
    "Maps",
    "Panel",
    "Setting",
    "Source",
    "StandIn",
    "controls",
    "defaults",
    "register",
    "rivals",
    "sources",
    "ways_to_try",
]
