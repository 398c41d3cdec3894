"""Sources that every study has: the probe itself, what bounds it, and what it is fitted again to."""

from __future__ import annotations

import torch
from torch import Tensor

from underpainting.controls.registry import DOTTED, SHORT, Line, Source, add_sources
from underpainting.errors import UnderpaintingError
from underpainting.probes import TokenMeans

PROBE = Source("probe", "probe", "the probe", Line("tone", width=2.2))
UNCONDITIONAL = Source(
    "unconditional",
    "unconditional branch",
    "the unconditional branch",
    Line("tone", (3.0, 1.5), 1.4),
    panel="networks",
)
POSITION = Source(
    "position",
    "position alone",
    "position alone",
    Line(dashes=DOTTED, width=1.4),
    has_step=False,
    is_rival=False,
    explains="layout",
)
SHUFFLED = Source(
    "shuffled",
    "shuffled labels",
    "shuffled labels",
    Line(dashes=SHORT),
    is_rival=False,
    explains="layout",
)
CEILING = Source(
    "ceiling",
    "grid's ceiling",
    "the grid's ceiling",
    Line("ink", width=0.8),
    has_step=False,
    is_rival=False,
)

add_sources(PROBE, UNCONDITIONAL, POSITION, SHUFFLED, CEILING)


def shuffled(labels: Tensor) -> Tensor:
    """Roll labels [picture, ...] by one picture, so that none keeps its own.

    Raises UnderpaintingError on a batch of one picture.
    """
    if len(labels) < 2:
        raise UnderpaintingError(
            "a batch of one picture has no other labels to be given; use a batch size of 2 or more"
        )
    return torch.roll(labels, 1, dims=0)


def position_map(means: TokenMeans) -> Tensor:
    """What position alone predicts, one map for every picture: [property, token], float32.

    It is each token's mean label over the fit pictures.
    """
    return means.mean.T.float()
