"""The estimator on the picture of each step: by when could one simply have looked?"""

from __future__ import annotations

from contextlib import suppress

from underpainting.controls.registry import (
    DASH_DOT,
    DASHED,
    Control,
    FinishedPicture,
    Line,
    Maps,
    Source,
    register,
)
from underpainting.errors import UnsoundPictures

PREFIX = "estimator:"


class EstimatorControl(Control):
    """The estimator that labels the final pictures, on what is decoded at each step.

    A look at which it fails is left out.
    """

    key = "estimator"
    cost = "three decodings and estimates a step, of a share of the test pictures"
    default = True
    sources = (
        Source(
            "estimator:noisy",
            "estimator on the noisy picture",
            "the estimator on the noisy picture",
            Line(dashes=DASH_DOT),
            panel="pictures",
            has_layer=False,
        ),
        Source(
            "estimator:scaled",
            "estimator on the noisy picture at unit variance",
            "the estimator on the noisy picture at unit variance",
            Line(dashes=DASHED),
            panel="pictures",
            has_layer=False,
        ),
        Source(
            "estimator:clean",
            "estimator on the predicted clean picture",
            "the estimator on the predicted clean picture",
            Line("ink"),
            panel="pictures",
            has_layer=False,
        ),
    )

    def maps(self, picture: FinishedPicture) -> dict[str, Maps]:
        """Its maps of every filmed look; what is decoded is rounded as the final picture is."""
        if (label := picture.label) is None:
            return {}
        maps: dict[str, Maps] = {}
        for look, frames in picture.frames.items():
            with suppress(UnsoundPictures):
                maps[PREFIX + look] = label(frames.permute(0, 3, 1, 2).float() / 255)
        return maps


register(EstimatorControl())
