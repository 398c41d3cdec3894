"""From which step a property is there: the emergence step, common bars, and who overtakes whom.

Steps count from 1; 0 is "not reached", which is a result: intervals treat it as later than the last step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from underpainting.findings.intervals import ENDS, Floats

SHARE = 0.9
Steps = NDArray[np.int64]


def stays(holds: NDArray[np.bool_]) -> Steps:
    """First step [...] from which a condition [..., step] holds to the end; 0 where there is none."""
    to_the_end = np.logical_and.accumulate(holds[..., ::-1], axis=-1)[..., ::-1]
    first: Steps = np.where(to_the_end[..., -1], to_the_end.argmax(-1) + 1, 0)
    return first


def emergence(curve: Floats, floor: Floats, share: float = SHARE) -> Steps:
    """First step [...] from which scores [..., step] stay above a share of the way from a floor to the last.

    floor [...]: what position alone scores. 0 where the last score is not above it, or undefined.
    """
    last = curve[..., -1]
    bar = floor + share * (last - floor)
    reached = stays(curve >= bar[..., None] - 1e-12)
    return np.where(last > floor, reached, 0)


def at_bar(curve: Floats, bar: Floats) -> Steps:
    """First step [...] from which scores [..., step] stay at or above a bar [...]; 0 where they never do."""
    return stays(curve >= np.asarray(bar)[..., None])


def overtaken(rival: Floats, probe: Floats) -> Steps:
    """First step [...] from which a rival's scores [..., step] stay above a probe's; 0 where never."""
    return stays(rival > probe)


@dataclass(frozen=True)
class StepEstimate:
    """A step with its 95 % interval; None is "not reached". reached: share of the draws that reached it."""

    step: int | None
    low: int | None
    high: int | None
    reached: float


def step_estimate(step: int, draws: Steps, last: int) -> StepEstimate:
    """A step and its percentile interval over draws [draw], where not reached is after the `last` step."""
    late = np.where(draws == 0, last + 1, draws)
    low, high = np.percentile(late, ENDS, method="inverted_cdf")
    known = [None if at in (0, last + 1) else int(at) for at in (step, low, high)]
    return StepEstimate(known[0], known[1], known[2], float((draws > 0).mean()))
