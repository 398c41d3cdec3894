"""What the page says first of each property, in words that the controls and their intervals allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from underpainting.controls import sources
from underpainting.findings.against import Against, Headline, headlines
from underpainting.findings.intervals import ENOUGH
from underpainting.report.contents import Contents
from underpainting.report.tables import ScoreRow, interval, number, topics
from underpainting.vocabulary import METRICS, first_step, from_step, listed, step_interval

TOO_FEW = f"too few for a verdict (the intervals of fewer than {ENOUGH} are too narrow)"
OFF = "off the denoiser\u2019s activations above every control that could explain it"
NO_FINDING = "no finding"
_SAID = {
    "layout": NO_FINDING,
    "prompt": "no more than the prompt tells",
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


def study_headlines(contents: Contents) -> tuple[Headline, ...]:
    """The headline of every property, in the page's order."""
    shown = topics(contents)
    metrics = {topic.name: topic.metric for topic in shown}
    layers = {topic.name: topic.layer for topic in shown}
    return headlines(contents.scores, metrics, layers, contents.emergence)


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
    return _emergence(headline, lambda step: from_step(step, headline.step))


def emergence_cell(headline: Headline) -> str:
    """The same for a table's cell."""
    return _emergence(headline, first_step)


def _emergence(headline: Headline, said: Callable[[int | None], str]) -> str:
    if headline.verdict == "layout":
        return NO_FINDING
    step, low, high = headline.emergence
    within = step_interval(low, high)
    return f"{said(step)}{f' ({within})' if within else ''}"


def findings(
    heads: Sequence[Headline], table: Sequence[ScoreRow], by_step: Sequence[ScoreRow]
) -> tuple[Finding, ...]:
    """One finding a headline, with figures from the score and step tables."""
    cells = {(row.name, row.source, row.metric): row for row in table}
    first = {row.name: row.estimate.mean for row in by_step if row.source == "probe" and row.step == 1}
    return tuple(
        Finding(
            head.name,
            cells[head.name, "probe", head.metric],
            verdict_words(head),
            tuple(_facts(head, cells, first[head.name])),
        )
        for head in heads
    )


def summary(heads: Sequence[Headline]) -> str:
    """The study in one sentence, which says what a control explains; then when the rest emerges."""
    if not heads:
        return "No property was scored."
    last = heads[0].step
    few = [head for head in heads if head.verdict == "few"]
    above = [head for head in heads if head.verdict in ("above", "alone")]
    rest = [head for head in heads if head.verdict in _SAID]
    parts = []
    if above:
        read = listed([_scored(head) for head in above])
        parts.append(f"one linear map per token reads {read} {OFF}")
    explained = [
        f"{_scored(head, beside=False)} is {_SAID[head.verdict]}: "
        f"{_not_above(control)} ({number(control.score)})"
        for head in rest
        if (control := head.explained_by)
    ]
    if explained and not above:
        explained[0] = f"nothing is read {OFF}: {explained[0]}"
    parts += explained
    if few:
        counted = min(head.prompts for head in few)
        read = listed([_scored(head) for head in few])
        parts.append(f"the probe scores {read}: {counted} test prompts are {TOO_FEW}")
    sentences = [f"At step {last} of {last}, {'; '.join(parts)}."]
    there = [
        head for head in heads if head.verdict not in ("few", "layout") and head.emergence[1] is not None
    ]
    if there:
        steps = [f"{head.name} {from_step(head.emergence[0], last)}" for head in there]
        sentences.append(f"Emergence: {', '.join(steps)}.")
    return " ".join(sentences)


def _not_above(control: Against) -> str:
    return f"{'below' if control.side == -1 else 'level with'} {control.source.phrase}"


def _scored(headline: Headline, *, beside: bool = True) -> str:
    score = f"{METRICS[headline.metric]} {number(headline.score)}"
    if beside and (control := headline.strongest):
        score += f"; strongest control {number(control.score)}, {control.source.title}"
    return f"{headline.name} ({score})"


def _facts(
    headline: Headline, cells: dict[tuple[str, str, str], ScoreRow], first: float
) -> list[tuple[str, str]]:
    name, metric = headline.name, headline.metric
    facts = [("emergence", emergence_words(headline))]
    if control := headline.strongest:
        facts.append(("strongest control", f"{number(control.score)}, {control.source.title}"))
    if np.isfinite(headline.ceiling) and headline.ceiling > 0:
        share = round(100 * headline.score / headline.ceiling)
        facts.append(
            (
                "grid\u2019s ceiling",
                f"{number(headline.ceiling)}; the probe is at {share}\u00a0% of it",
            )
        )
    for key, source in sources().items():
        row = cells.get((name, key, metric)) if source.explains == "layout" else None
        if row and np.isfinite(row.estimate.mean) and not (control and control.control == key):
            facts.append((source.title, number(row.estimate.mean)))
    facts.append(("probe at step 1", number(first)))
    centred = cells.get((name, "probe", f"{metric}_centred"))
    if centred and np.isfinite(centred.estimate.mean):
        ceiling = cells.get((name, "ceiling", f"{metric}_centred"))
        most = f", ceiling {number(ceiling.estimate.mean)}" if ceiling and ceiling.estimate.pictures else ""
        facts.append((METRICS[f"{metric}_centred"], f"{number(centred.estimate.mean)}{most}"))
    return facts
