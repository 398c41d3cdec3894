"""What the page says first of each property, in words that the controls and their intervals allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from underpainting.findings.against import KINDS, Against, Headline, headlines
from underpainting.findings.draws import ENOUGH
from underpainting.report.reading import Study
from underpainting.report.tables import ScoreRow, interval, number, properties
from underpainting.vocabulary import METRICS, SOURCES, first_step, from_step, listed, step_interval, the

TOO_FEW = f"too few for a verdict (the intervals of fewer than {ENOUGH} are too narrow)"
OFF = "off the denoiser\u2019s activations above every control that could explain it"
NO_FINDING = "no finding"
_SAID = {
    "layout": NO_FINDING,
    "latents": "not shown to be held inside the network",
    "luminance": "little more than light and dark",
}


@dataclass(frozen=True)
class Finding:
    """What the numbers say of one property: its headline score, the verdict, and the figures beside it."""

    name: str
    row: ScoreRow
    verdict: str
    facts: tuple[tuple[str, str], ...]


def study_headlines(study: Study) -> tuple[Headline, ...]:
    """The headline of every property, in the page's order."""
    named = {of.name: {"metric": of.metric, "best_layer": of.layer} for of in properties(study)}
    return headlines(study.scores, named, study.emergence)


def verdict_words(headline: Headline) -> str:
    """One sentence: above every control by how much, or which control explains the score."""
    strongest = headline.strongest
    if headline.verdict == "few":
        return f"{headline.prompts} test prompts are {TOO_FEW}."
    if strongest is None:
        return "No control was scored."
    control = headline.explained_by
    if control is None:
        gain = f"{number(strongest.mean)} ({interval(strongest)})"
        return f"Above every control that could explain it, the strongest by {gain}."
    difference = f"{number(control.score)}; difference {number(control.mean)}, {interval(control)}"
    return f"{_SAID[headline.verdict].capitalize()}: {_not_above(control)} ({difference})."


def emergence_words(headline: Headline) -> str:
    """From which step the property is there; no step where what pictures share explains the score."""
    if headline.verdict == "layout":
        return NO_FINDING
    step, low, high = headline.emergence
    within = step_interval(low, high)
    return f"{from_step(step, headline.step)}{f' ({within})' if within else ''}"


def emergence_cell(headline: Headline) -> str:
    """The same for a table's cell."""
    if headline.verdict == "layout":
        return NO_FINDING
    step, low, high = headline.emergence
    within = step_interval(low, high)
    return f"{first_step(step)}{f' ({within})' if within else ''}"


def findings(
    found: Sequence[Headline], table: Sequence[ScoreRow], by_step: Sequence[ScoreRow]
) -> tuple[Finding, ...]:
    """One finding a headline, with figures from the score and step tables."""
    cells = {(row.name, row.source, row.metric): row for row in table}
    first = {row.name: row.estimate.mean for row in by_step if row.source == "probe" and row.step == 1}
    return tuple(
        Finding(
            of.name,
            cells[of.name, "probe", of.metric],
            verdict_words(of),
            tuple(_facts(of, cells, first[of.name])),
        )
        for of in found
    )


def summary(found: Sequence[Headline]) -> str:
    """The study in one sentence, which says what a control explains; then when the rest emerges."""
    if not found:
        return "No property was scored."
    last = found[0].step
    few = [of for of in found if of.verdict == "few"]
    above = [of for of in found if of.verdict in ("above", "alone")]
    rest = [of for of in found if of.verdict in _SAID]
    parts = []
    if above:
        read = listed([_scored(of) for of in above])
        parts.append(f"one linear map per token reads {read} {OFF}")
    explained = [
        f"{_scored(of, beside=False)} is {_SAID[of.verdict]}: {_not_above(control)} ({number(control.score)})"
        for of in rest
        if (control := of.explained_by)
    ]
    if explained and not above:
        explained[0] = f"nothing is read {OFF}: {explained[0]}"
    parts += explained
    if few:
        counted = min(of.prompts for of in few)
        read = listed([_scored(of) for of in few])
        parts.append(f"the probe scores {read}: {counted} test prompts are {TOO_FEW}")
    sentences = [f"At step {last} of {last}, {'; '.join(parts)}."]
    there = [of for of in found if of.verdict not in ("few", "layout") and of.emergence[1] is not None]
    if there:
        steps = [f"{of.name} {from_step(of.emergence[0], last)}" for of in there]
        sentences.append(f"Emergence: {', '.join(steps)}.")
    return " ".join(sentences)


def _not_above(control: Against) -> str:
    return f"{'below' if control.side == -1 else 'level with'} {the(control.control)}"


def _scored(headline: Headline, *, beside: bool = True) -> str:
    score = f"{METRICS[headline.metric]} {number(headline.score)}"
    if beside and (control := headline.strongest):
        score += f"; strongest control {number(control.score)}, {SOURCES[control.control]}"
    return f"{headline.name} ({score})"


def _facts(
    headline: Headline, cells: dict[tuple[str, str, str], ScoreRow], first: float
) -> list[tuple[str, str]]:
    name, metric = headline.name, headline.metric
    facts = [("emergence", emergence_words(headline))]
    if control := headline.strongest:
        facts.append(("strongest control", f"{number(control.score)}, {SOURCES[control.control]}"))
    if np.isfinite(headline.ceiling) and headline.ceiling > 0:
        share = round(100 * headline.score / headline.ceiling)
        facts.append(
            (
                "grid\u2019s ceiling",
                f"{number(headline.ceiling)}; the probe is at {share}\u00a0% of it",
            )
        )
    for source in (of for of, kind in KINDS.items() if kind == "layout"):
        row = cells.get((name, source, metric))
        if row and np.isfinite(row.estimate.mean) and not (control and control.control == source):
            facts.append((SOURCES[source], number(row.estimate.mean)))
    facts.append(("probe at step 1", number(first)))
    centred = cells.get((name, "probe", f"{metric}_centred"))
    if centred and np.isfinite(centred.estimate.mean):
        of = cells[name, "ceiling", f"{metric}_centred"].estimate.mean
        most = f", ceiling {number(of)}" if np.isfinite(of) else ""
        facts.append((METRICS[f"{metric}_centred"], f"{number(centred.estimate.mean)}{most}"))
    return facts
