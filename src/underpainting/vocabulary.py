"""The words of the house: what is probed and where, what is scored, which pictures are which.

Written once and imported everywhere; it imports nothing of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Grid = tuple[int, int]
"""Rows and columns of tokens."""

Branch = Literal["conditional", "unconditional"]
BRANCHES: tuple[Branch, ...] = ("conditional", "unconditional")
SPLITS = ("fit", "calibrate", "test")
NAME = re.compile(r"\w[\w .:+@()-]{0,199}")
NAME_RULE = "a name begins with a letter or digit, and holds letters, digits, blanks and _.:+@()- alone"
"""Of properties, layers, images and whatever else names a file or a tensor: no path, markup or formula."""

OBJECT = "saliency"
"""The binary property whose label parts a picture in object and background, and that moves are of."""

ALL = "all"
"""All layers, of a model or of those that a study watched."""

MOST_BLOCKS = 1000
"""Blocks that a network may have."""

SEEDS = 2**63
"""Seeds are whole numbers from 0 to below this, which tables keep as int64."""

STEPS, GUIDANCE, PIXELS = 1000, 1000.0, 65_536
"""The most denoising steps, as many as noise levels are trained on; the largest guidance scale; of a side."""

SCHEDULERS = {
    "lms": "LMSDiscreteScheduler",
    "ddim": "DDIMScheduler",
    "ddpm": "DDPMScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler-a": "EulerAncestralDiscreteScheduler",
    "heun": "HeunDiscreteScheduler",
    "kdpm2": "KDPM2DiscreteScheduler",
    "kdpm2-a": "KDPM2AncestralDiscreteScheduler",
    "dpm++": "DPMSolverMultistepScheduler",
    "sde-dpm++": "DPMSolverMultistepScheduler",
    "unipc": "UniPCMultistepScheduler",
    "deis": "DEISMultistepScheduler",
    "pndm": "PNDMScheduler",
    "lcm": "LCMScheduler",
    "tcd": "TCDScheduler",
    "flow-euler": "FlowMatchEulerDiscreteScheduler",
    "flow-heun": "FlowMatchHeunDiscreteScheduler",
    "flow-lcm": "FlowMatchLCMScheduler",
}
"""Diffusers' schedulers by the names that a study gives them."""

METRICS = {
    "dice": "Dice",
    "average_precision": "average precision",
    "spearman": "rank",
    "pearson": "linear",
    "rmse": "RMSE",
    "spearman_centred": "rank, position out",
    "pearson_centred": "linear, position out",
    "spearman_object": "rank, on the object",
    "spearman_background": "rank, on the background",
    "accuracy": "accuracy",
}
"""Every metric of a score table, in words. Centred: each token's mean over the fit pictures is taken out."""

BINARY = ("dice", "average_precision")
CONTINUOUS = ("spearman", "pearson", "rmse")

STRENGTHS = tuple(float(f"1e{power}") for power in range(-7, 1))
"""Ridge strengths that probes are chosen from unless others are given: 1e-7 to 1, by tens."""


class Place(NamedTuple):
    """Where a probe reads: a layer's short name, a denoising step (from 1), a branch of guidance."""

    layer: str
    step: int
    branch: str


@dataclass(frozen=True)
class ProbeLayer:
    """What probes read: tokens of so many channels on a grid (rows, columns), by a short name."""

    name: str
    grid: Grid
    channels: int

    @property
    def tokens(self) -> int:
        """Tokens of the grid."""
        return self.grid[0] * self.grid[1]


@dataclass(frozen=True)
class Property:
    """What is looked for in a picture; a binary property's label is a map of 0 and 1."""

    name: str
    binary: bool

    @property
    def metrics(self) -> tuple[str, ...]:
        """Scores against the label as it is."""
        return BINARY if self.binary else CONTINUOUS

    @property
    def main_metric(self) -> str:
        """The score that is reported first, and that best layers are chosen by."""
        return "dice" if self.binary else "spearman"

    @property
    def free_metric(self) -> str:
        """The score that needs no threshold; ridge strengths are chosen by it."""
        return "average_precision" if self.binary else "spearman"


def no_name(names: Iterable[object]) -> str | None:
    """The first of some that is no name (see `NAME_RULE`), as it would be written in Python; None where all
    are.
    """
    wrong = (name for name in names if not (isinstance(name, str) and NAME.fullmatch(name)))
    return next((repr(name) for name in wrong), None)


def main_branch(branches: Sequence[str]) -> str:
    """The branch of guidance that is reported and chosen on: conditional where it is watched."""
    return "conditional" if "conditional" in branches else branches[0]


def finest(grids: Iterable[Grid]) -> Grid:
    """The grid of the most tokens."""
    return max(grids, key=lambda grid: grid[0] * grid[1])


def grid_name(grid: Grid) -> str:
    """A grid as written in files, such as `16x16`."""
    return f"{grid[0]}x{grid[1]}"


NOT_REACHED = "not reached"
"""What stands where a step is that no step of a study reaches."""


def listed(words: list[str]) -> str:
    """Words with commas and an `and` between."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def first_step(step: int | None) -> str:
    """The step from which something holds, for a table's cell: a number, or that it is not reached."""
    return NOT_REACHED if step is None else str(step)


def from_step(step: int | None, last: int) -> str:
    """From which step something holds, for a sentence: `from step 4`, `only at the last step, 15`."""
    if step is None:
        return "not by the last step"
    return f"from step {step}" if step < last else f"only at the last step, {last}"


def step_interval(low: int | None, high: int | None) -> str:
    """The interval of such a step: `4 to 7`; `14 or later` where some do not reach it; empty where none does.

    Not reached counts as later than the last step.
    """
    if low is None:
        return ""
    return f"{low} or later" if high is None else f"{low} to {high}"
