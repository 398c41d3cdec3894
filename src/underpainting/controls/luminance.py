"""The finished picture's light and dark: how much of shading is simply there to be seen?"""

from __future__ import annotations

import torch

from underpainting.controls.registry import Control, FinishedPicture, Maps, Source, register

WEIGHTS = (0.2126, 0.7152, 0.0722)
"""Of red, green and blue, on display values (ITU-R BT.709)."""


class LuminanceControl(Control):
    """The finished picture's luminance, held against shading."""

    key = "luminance"
    cost = "nothing"
    default = True
    sources = (
        Source(
            "luminance",
            "finished picture's luminance",
            "the finished picture's luminance",
            panel="none",
            has_layer=False,
            has_step=False,
            is_rival=False,
            explains="luminance",
        ),
    )

    def maps(self, picture: FinishedPicture) -> dict[str, Maps]:
        """Of shading alone."""
        light = (picture.picture.float() / 255 @ torch.tensor(WEIGHTS))[None]
        return {"luminance": {of.name: light for of in picture.properties if of.name == "shading"}}


register(LuminanceControl())
