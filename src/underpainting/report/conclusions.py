"""What the controls allow one to conclude: the probe against each rival, in a table and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from underpainting.report.intervals import Estimate, estimates
from underpainting.report.reading import Study
from underpainting.report.tables import Property, arrivals, number, properties

RIVALS = {
    "position": "position alone",
    "shuffled": "shuffled labels",
    "unconditional": "the unconditional branch",
    "permuted": "the network with permuted weights",
    "fresh": "the untrained network",
    "permuted-own": "the network with permuted weights on its own trajectory",
    "fresh-own": "the untrained network on its own trajectory",
    "decoder": "the decoder\u2019s attention",
    "latents:noisy": "a linear probe of the noisy latents",
    "latents:clean": "a linear probe of the predicted clean latents",
    "network:noisy": "a small network on the noisy latents",
    "network:clean": "a small network on the predicted clean latents",
    "estimator:noisy": "the estimator on the noisy picture",
    "estimator:scaled": "the estimator on the noisy picture, scaled",
    "estimator:clean": "the estimator on the predicted clean picture",
    "luminance": "the finished picture\u2019s luminance",
}
UNTRAINED = ("permuted", "fresh", "permuted-own", "fresh-own")
FITTED = ("latents:noisy", "latents:clean", "network:noisy", "network:clean")


@dataclass(frozen=True)
class Against:
    """The probe's score less a rival's at a step, a mean over the pictures that have both."""

    name: str
    rival: str
    step: int
    difference: Estimate

    @property
    def side(self) -> int:
        """1 where the probe is above, -1 where it is below, 0 where the interval allows either."""
        return int(self.difference.low > 0) - int(self.difference.high < 0)


@dataclass(frozen=True)
class Conclusion:
    """What is said of one property."""

    name: str
    sentences: tuple[str, ...]


def against(study: Study) -> tuple[Against, ...]:
    """Every rival of every property, at the step at which the probe is there, and at the last."""
    first = {row.name: row.bar[0] for row in arrivals(study) if row.reader == "probe"}
    found = []
    for which in properties(study):
        for step in sorted({first.get(which.name) or study.scores.steps, study.scores.steps}):
            probe = study.scores.at(which.name, which.metric, "probe", which.layer, step)
            gains = {
                rival: probe - study.scores.at(which.name, which.metric, rival, which.layer, step)
                for rival in RIVALS
                if (which.name, which.metric, rival) in study.scores.cubes
            }
            made = estimates(np.stack(list(gains.values())), study.scores.prompts) if gains else []
            found += [
                Against(which.name, rival, step, difference)
                for rival, difference in zip(gains, made, strict=True)
                if difference.pictures
            ]
    return tuple(found)


def conclusions(study: Study, rows: Sequence[Against]) -> tuple[Conclusion, ...]:
    """A few sentences a property: when, above whom, and what that shows."""
    mine = {which: [row for row in rows if row.name == which.name] for which in properties(study)}
    return tuple(
        Conclusion(which.name, tuple(_sentences(study, which, of))) for which, of in mine.items() if of
    )


def _sentences(study: Study, which: Property, rows: Sequence[Against]) -> list[str]:
    step, last = min(row.step for row in rows), study.scores.steps
    score = study.scores.at(which.name, which.metric, "probe", which.layer, step)
    said = [
        f"The probe at {which.layer} is at 0.9 of its last score from step {step} of {last} on, and scores "
        f"{number(float(np.nanmean(score)))} there."
    ]
    here = [row for row in rows if row.step == step]
    for side, words in ((1, "It is above"), (0, "It is not told apart from"), (-1, "It is below")):
        if those := [RIVALS[row.rival] for row in here if row.side == side]:
            said.append(f"{words} {_listed(those)}.")
    said.append(_verdict(here))
    at = {row.step: row.side for row in rows if row.rival == "position"}
    if at.get(step, 1) < 1 and at[last] == 1:
        said.append("At the last step it is above position alone.")
    return said


def _verdict(here: Sequence[Against]) -> str:
    """What position, the fitted readers of the latents and the untrained networks leave open, at one step."""
    side = {row.rival: row.side for row in here}
    enough = [RIVALS[rival] for rival in (*FITTED, *UNTRAINED) if side.get(rival, 1) < 1]
    missing = [
        words
        for words, rivals in (("--network", FITTED[2:]), ("--twins permuted,fresh", UNTRAINED[:2]))
        if not set(rivals) & set(side)
    ]
    if side.get("position", 1) < 1:
        return "Where things usually stand explains that score: it shows no knowledge of the one picture."
    if enough:
        they = "does" if len(enough) == 1 else "do"
        return (
            f"As {_listed(enough)} {they} no worse, that score does not show that the trained network holds "
            "more than its latents say."
        )
    if missing:
        return (
            "No reader of the step\u2019s latents that was tried does as well; "
            f"{_listed(missing)} would try harder ones."
        )
    return (
        "No reader that was fitted to the step\u2019s latents, and no untrained network, does as well: this "
        "is held in the trained network\u2019s activations, beyond what its input or random features give."
    )


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
