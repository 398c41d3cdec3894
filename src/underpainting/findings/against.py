"""The probe against its controls, picture by picture, and the headline that follows: one row a property."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from underpainting.controls import Explanation, Source, sources
from underpainting.findings.cubes import Scores
from underpainting.findings.intervals import ENOUGH, mean, means

Verdict = Literal["few", "layout", "prompt", "latents", "luminance", "above", "alone"]

Step = tuple[int | None, int | None, int | None]
"""A step with the ends of its interval; None is not reached."""


@dataclass(frozen=True)
class Against:
    """The probe's mean score less a control's at a step, on the pictures that have both, with its interval.

    control: key of its source. score: its own mean on them; prompts: how many those pictures have.
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
    def source(self) -> Source:
        """The control's source, with its words."""
        return sources()[self.control]

    @property
    def explains(self) -> Explanation | None:
        """As what the control explains a score that the probe is not above."""
        return self.source.explains

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

        `few`: too few test prompts to say; `layout`: what all pictures share explains it; `prompt`: the
        prompt alone tells it; `latents`: it is read as well without the trained network; `luminance`:
        it is little more than light and dark; `above`: no control explains it; `alone`: none was
        scored.
        """
        if self.prompts < ENOUGH:
            return "few"
        if self.explained_by and self.explained_by.explains:
            return self.explained_by.explains
        return "above" if self.strongest else "alone"

    @property
    def steps(self) -> tuple[int, ...]:
        """Where the property emerges, unless what pictures share explains its score, and the last step."""
        first = None if self.verdict == "layout" else self.emergence[0]
        return tuple(sorted({first or self.step, self.step}))

    @property
    def explained_by(self) -> Against | None:
        """The control that explains most: one of what all pictures share, or else the strongest."""
        shared = [row for row in self.explaining if row.explains == "layout"]
        return min(shared or self.explaining, key=lambda row: row.mean, default=None)


def against(scores: Scores, name: str, metric: str, layer: str, step: int) -> tuple[Against, ...]:
    """Every control of a property at a layer and step, in the order of the sources."""
    probe = scores.at(name, metric, "probe", layer, step)
    shared = {
        control: values
        for control in sources()
        if control not in ("probe", "ceiling")
        for values in [scores.at(name, metric, control, layer, step)]
        if np.isfinite(probe - values).any()
    }
    if not shared:
        return ()
    ahead = means(np.stack([probe - values for values in shared.values()]), scores.prompts)
    rows = []
    for (control, values), by in zip(shared.items(), ahead, strict=True):
        both = np.isfinite(probe - values)
        prompts = len(np.unique(scores.prompts[both]))
        rows.append(
            Against(name, control, step, by.pictures, prompts, float(values[both].mean()), *by.within)
        )
    return tuple(rows)


def explaining(rows: Sequence[Against]) -> tuple[Against, ...]:
    """The controls that explain a score: those that could, and that the probe is not surely above."""
    return tuple(row for row in rows if row.explains and row.side in (0, -1))


def headlines(
    scores: Scores,
    metrics: Mapping[str, str],
    layers: Mapping[str, str],
    emergence: Sequence[Mapping[str, Any]],
) -> tuple[Headline, ...]:
    """A row a property at its best layer and the last step.

    metrics, layers: the main metric and the best layer of each property, as its probes have them. emergence:
    rows of that table.
    """
    steps = {
        row["property"]: (row["step"], row["low"], row["high"])
        for row in emergence
        if (row["layer"], row["source"], row["criterion"]) == ("best", "probe", "emergence")
    }
    told = []
    for name, metric in metrics.items():
        probe = scores.at(name, metric, "probe", layers[name], scores.steps)
        known = np.isfinite(probe)
        if not known.any():
            continue
        rows = against(scores, name, metric, layers[name], scores.steps)
        could = [row for row in rows if row.explains]
        decided = [row for row in could if row.side is not None] or could
        ceiling = scores.at(name, metric, "ceiling", layers[name], scores.steps)[known]
        told.append(
            Headline(
                name,
                layers[name],
                metric,
                scores.steps,
                len(np.unique(scores.prompts[known])),
                *mean(probe, scores.prompts).within,
                float(np.nanmean(ceiling)) if np.isfinite(ceiling).any() else float("nan"),
                min(decided, key=lambda row: row.mean, default=None),
                explaining(rows),
                steps.get(name, (None, None, None)),
            )
        )
    return tuple(told)
