"""From which step a property is there: the emergence step, common bars, and who overtakes whom.

Steps count from 1; 0 is "not reached", which is a result: intervals treat it as later than the last step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from underpainting.findings.intervals import ENDS, Floats

SHARE = 0.9
ROUNDING = 1e-12
Steps = NDArray[np.int64]


def stays(holds: NDArray[np.bool_]) -> Steps:
    """First step [...] from which a condition [..., step] holds to the end; 0 where there is none."""
    to_the_end = np.logical_and.accumulate(holds[..., ::-1], axis=-1)[..., ::-1]
    first: Steps = np.where(to_the_end[..., -1], to_the_end.argmax(-1) + 1, 0)
    return first


def rising(curve: Floats) -> Floats:
    """The non-decreasing scores [..., step] nearest to a curve's in squares: its isotonic regression.

    NaN where a score is not defined. By the max-min formula (Barlow et al. 1972, 1.9): at step k the largest,
    over starts up to k, of the smallest mean of the scores from the start to an end from k on.
    """
    known = np.isfinite(curve)
    total = np.concatenate([np.zeros((*curve.shape[:-1], 1)), np.where(known, curve, 0).cumsum(-1)], axis=-1)
    count = np.concatenate([np.zeros((*curve.shape[:-1], 1)), known.cumsum(-1)], axis=-1)
    highest = np.full(curve.shape, -np.inf)
    for start in range(curve.shape[-1]):
        scores = total[..., start + 1 :] - total[..., start : start + 1]
        defined = count[..., start + 1 :] - count[..., start : start + 1]
        means = np.divide(scores, defined, out=np.full(scores.shape, np.inf), where=defined > 0)
        lowest = np.minimum.accumulate(means[..., ::-1], axis=-1)[..., ::-1]
        np.maximum(highest[..., start:], lowest, out=highest[..., start:])
    return np.where(known, highest, np.nan)


def crossing(risen: Floats, bar: Floats) -> Steps:
    """First step [...] at which non-decreasing scores [..., step] are at a bar [...]; 0 where none is."""
    at = risen >= np.asarray(bar)[..., None] - ROUNDING
    first: Steps = np.where(at.any(-1), at.argmax(-1) + 1, 0)
    return first


def emergence(curve: Floats, floor: Floats, share: float = SHARE) -> Steps:
    """First step [...] at which risen scores are a share of the way from a floor to the last.

    curve [..., step]: made `rising` first, for single steps of a mean over few pictures go up and down.
    floor [...]: what position alone scores. 0 where the last score is not above it, or undefined.
    """
    return on_the_way(rising(curve), floor, share)


def on_the_way(risen: Floats, floor: Floats, share: float) -> Steps:
    """`emergence` of scores [..., step] that are `rising` already."""
    last = risen[..., -1]
    return np.where(last > floor + ROUNDING, crossing(risen, floor + share * (last - floor)), 0)


def at_bar(curve: Floats, bar: Floats) -> Steps:
    """First step [...] at which scores [..., step], made `rising`, are at a bar [...]; 0 where none is."""
    return crossing(rising(curve), bar)


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
