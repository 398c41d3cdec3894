"""The probe against its controls, picture by picture, and the headline that follows: one row a property."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from underpainting.findings.cubes import Scores
from underpainting.findings.draws import ENOUGH, mean_interval, mean_intervals
from underpainting.vocabulary import SOURCES

Kind = Literal["layout", "latents", "luminance"]
Verdict = Literal["few", "layout", "latents", "luminance", "above", "alone"]

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("position", "shuffled"), "layout"),
    **dict.fromkeys(("latents:noisy", "latents:clean", "network:noisy", "network:clean"), "latents"),
    **dict.fromkeys(("decoder", "permuted", "fresh", "permuted-own", "fresh-own"), "latents"),
    "luminance": "luminance",
}
"""Controls that explain a score where the probe is not above them, and as what: the layout that pictures
share, what the latents say, light and dark. The unconditional branch is the same network; estimators look at
pictures whose labels are their own in the end."""

Step = tuple[int | None, int | None, int | None]
"""A step with the ends of its interval; None is not reached."""


@dataclass(frozen=True)
class Against:
    """The probe's mean score less a control's at a step, on the pictures that have both, with its interval.

    score: the control's own mean on them; prompts: how many those pictures have.
    """

    name: str
    control: str
    step: int
    pictures: int
    prompts: int
    score: float
    mean: float
    low: float
    high: float

    @property
    def side(self) -> int | None:
        """1: the probe is above; -1: below; 0: the interval allows either; None: too few prompts to say."""
        if self.prompts < ENOUGH:
            return None
        return int(self.low > 0) - int(self.high < 0)


@dataclass(frozen=True)
class Headline:
    """What a study says of one property: its best layer's last score beside its strongest control.

    ceiling: nan where there is none. strongest: the explaining control that comes nearest to the probe or is
    furthest above it, of those that have enough prompts where any has. explaining: those that the probe is
    not above. emergence: where the table of emergence has it.
    """

    name: str
    layer: str
    metric: str
    step: int
    prompts: int
    score: float
    low: float
    high: float
    ceiling: float
    strongest: Against | None
    explaining: tuple[Against, ...]
    emergence: Step

    @property
    def verdict(self) -> Verdict:
        """What the controls leave of the score.

        `few`: too few test prompts to say; `layout`: what all pictures share explains it; `latents`: it is
        read as well without the trained network; `luminance`: it is little more than light and dark;
        `above`: no control explains it; `alone`: none was scored.
        """
        if self.prompts < ENOUGH:
            return "few"
        if self.explained_by:
            return KINDS[self.explained_by.control]
        return "above" if self.strongest else "alone"

    @property
    def steps(self) -> tuple[int, ...]:
        """Where the property emerges, unless what pictures share explains its score, and the last step."""
        first = None if self.verdict == "layout" else self.emergence[0]
        return tuple(sorted({first or self.step, self.step}))

    @property
    def explained_by(self) -> Against | None:
        """The control that explains most: one of what all pictures share, or else the strongest."""
        shared = [row for row in self.explaining if KINDS[row.control] == "layout"]
        return min(shared or self.explaining, key=lambda row: row.mean, default=None)


def against(scores: Scores, name: str, metric: str, layer: str, step: int) -> tuple[Against, ...]:
    """Every control of a property at a layer and step, in the vocabulary's order."""
    controls = [of for of in SOURCES if of not in ("probe", "ceiling") and (name, metric, of) in scores.cubes]
    probe = scores.at(name, metric, "probe", layer, step)
    theirs = {of: scores.at(name, metric, of, layer, step) for of in controls}
    shared = {of: values for of, values in theirs.items() if np.isfinite(probe - values).any()}
    if not shared:
        return ()
    means = mean_intervals(np.stack([probe - values for values in shared.values()]), scores.prompts)
    rows = []
    for (control, values), (mean, low, high) in zip(shared.items(), means.tolist(), strict=True):
        both = np.isfinite(probe - values)
        prompts = len(np.unique(scores.prompts[both]))
        score = float(values[both].mean())
        rows.append(Against(name, control, step, int(both.sum()), prompts, score, mean, low, high))
    return tuple(rows)


def explaining(rows: Sequence[Against]) -> tuple[Against, ...]:
    """The controls that explain a score: those that could, and that the probe is not surely above."""
    return tuple(row for row in rows if row.control in KINDS and row.side in (0, -1))


def headlines(
    scores: Scores, properties: Mapping[str, Mapping[str, str]], emergence: Sequence[Mapping[str, Any]]
) -> tuple[Headline, ...]:
    """A row a property at its best layer and the last step.

    properties: `metric` and `best_layer` of each, as in the probes' card. emergence: rows of that table.
    """
    steps = {
        row["property"]: (row["step"], row["low"], row["high"])
        for row in emergence
        if (row["layer"], row["source"], row["criterion"]) == ("best", "probe", "emergence")
    }
    found = []
    for name, about in properties.items():
        metric, layer = about["metric"], about["best_layer"]
        probe = scores.at(name, metric, "probe", layer, scores.steps)
        known = np.isfinite(probe)
        if not known.any():
            continue
        rows = against(scores, name, metric, layer, scores.steps)
        could = [row for row in rows if row.control in KINDS]
        decided = [row for row in could if row.side is not None] or could
        ceiling = scores.at(name, metric, "ceiling", layer, scores.steps)[known]
        found.append(
            Headline(
                name,
                layer,
                metric,
                scores.steps,
                len(np.unique(scores.prompts[known])),
                *mean_interval(probe, scores.prompts),
                float(np.nanmean(ceiling)) if np.isfinite(ceiling).any() else float("nan"),
                min(decided, key=lambda row: row.mean, default=None),
                explaining(rows),
                steps.get(name, (None, None, None)),
            )
        )
    return tuple(found)
