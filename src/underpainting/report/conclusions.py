"""What the controls allow one to conclude: the probe against each of them, in a table and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from underpainting.findings.against import KINDS, Against, Headline, against, explaining
from underpainting.report.reading import Study
from underpainting.report.tables import arrivals, number
from underpainting.report.verdicts import TOO_FEW, emergence_words
from underpainting.vocabulary import SOURCES, listed, the

SHOWS = {
    "layout": "shows no knowledge of the one picture",
    "latents": "does not show that the trained network holds more than its latents say",
    "luminance": "is little more than light and dark",
}
HARDER = {"--network": ("network:noisy", "network:clean"), "--twins permuted,fresh": ("permuted", "fresh")}


@dataclass(frozen=True)
class Conclusion:
    """What is said of one property."""

    name: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Differences:
    """The probe less each control as a table: columns of property and step, a line a control."""

    columns: tuple[tuple[str, int], ...]
    lines: tuple[tuple[str, tuple[Against | None, ...]], ...]


def differences(study: Study, found: Sequence[Headline]) -> tuple[Against, ...]:
    """Every control of every property: at the common bar's step, where it emerges, and at the last step."""
    bar = {row.name: row.bar[0] for row in arrivals(study) if row.reader == "probe"}
    return tuple(
        row
        for of in found
        for step in sorted({bar.get(of.name) or of.step, *of.steps})
        for row in against(study.scores, of.name, of.metric, of.layer, step)
    )


def differences_table(rows: Sequence[Against], found: Sequence[Headline]) -> Differences:
    """The same where each property emerges and at the last step, side by side."""
    cells = {(row.name, row.step, row.control): row for row in rows}
    columns = [(of.name, step) for of in found for step in of.steps]
    controls = [of for of in SOURCES if any(row.control == of for row in rows)]
    return Differences(
        tuple(columns),
        tuple((SOURCES[of], tuple(cells.get((*column, of)) for column in columns)) for of in controls),
    )


def conclusions(found: Sequence[Headline], rows: Sequence[Against]) -> tuple[Conclusion, ...]:
    """A few sentences a property: when it is there, above which controls, and what that shows."""
    mine = {of: [row for row in rows if row.name == of.name] for of in found}
    return tuple(Conclusion(of.name, tuple(_sentences(of, rows))) for of, rows in mine.items() if rows)


def _sentences(headline: Headline, rows: Sequence[Against]) -> list[str]:
    if headline.verdict == "few":
        return [f"{headline.prompts} test prompts are {TOO_FEW}."]
    said = [f"Emergence: {emergence_words(headline)}."]
    verdicts: dict[int, str] = {}
    for step in headline.steps:
        here = [row for row in rows if row.step == step]
        if here:
            verdicts[step] = _verdict(here)
    if len(set(verdicts.values())) == 1:
        where = (
            f"step {min(verdicts)}, and at the last"
            if len(verdicts) > 1
            else f"step {headline.step}, the last"
        )
        verdicts = {0: f"At {where}: {next(iter(verdicts.values()))}"}
    said += [of if not step else f"At step {step}: {of}" for step, of in verdicts.items()]
    undecided = {row.control: row.prompts for row in rows if row.side is None and row.control in KINDS}
    if undecided:
        names = listed([the(of) for of in undecided])
        said.append(f"Beside {names}, {max(undecided.values())} prompts are too few to decide.")
    return said


def _verdict(here: Sequence[Against]) -> str:
    """What position, the readers of the latents and the untrained networks leave open, at one step."""
    said = []
    level = explaining(here)
    for kind, shows in SHOWS.items():
        names = [the(row.control) for row in level if KINDS[row.control] == kind]
        if names:
            said.append(f"not above {listed(names)}, so that the score {shows}")
    if said:
        return "; ".join(said) + "."
    tried = {row.control for row in here if row.side is not None}
    missing = [words for words, controls in HARDER.items() if not set(controls) & tried]
    if missing:
        return f"above every control that was tried; {listed(missing)} would try harder ones."
    return (
        "above every reader of the step\u2019s latents and every untrained network: this is held in the "
        "trained network\u2019s activations, beyond what its input or random features give."
    )


def signed(value: float) -> str:
    """A difference for reading, with its sign."""
    return f"+{number(value)}" if value > 0 else number(value)
