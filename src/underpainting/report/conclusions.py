"""What the controls allow one to conclude: the probe against each of them, in a table and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from underpainting.controls import controls, sources, ways_to_try
from underpainting.findings.against import Against, Headline, against, explaining
from underpainting.report.contents import Contents
from underpainting.report.tables import arrivals, number
from underpainting.report.verdicts import TOO_FEW, emergence_words
from underpainting.vocabulary import listed

SHOWS = {
    "layout": "shows no knowledge of the one picture",
    "prompt": "does not show more than the prompt tells",
    "latents": "does not show that the trained network holds more than its latents say",
    "luminance": "is little more than light and dark",
}


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


def differences(contents: Contents, heads: Sequence[Headline]) -> tuple[Against, ...]:
    """Every control of every property: at the common bar's step, where it emerges, and at the last step."""
    bar = {row.name: row.bar[0] for row in arrivals(contents) if row.source == "probe"}
    return tuple(
        row
        for head in heads
        for step in sorted({bar.get(head.name) or head.step, *head.steps})
        for row in against(contents.scores, head.name, head.metric, head.layer, step)
    )


def differences_table(rows: Sequence[Against], heads: Sequence[Headline]) -> Differences:
    """The same where each property emerges and at the last step, side by side."""
    cells = {(row.name, row.step, row.control): row for row in rows}
    columns = [(head.name, step) for head in heads for step in head.steps]
    present = {row.control for row in rows}
    return Differences(
        tuple(columns),
        tuple(
            (source.title, tuple(cells.get((*column, key)) for column in columns))
            for key, source in sources().items()
            if key in present
        ),
    )


def conclusions(heads: Sequence[Headline], rows: Sequence[Against]) -> tuple[Conclusion, ...]:
    """A few sentences a property: when it is there, above which controls, and what that shows."""
    mine = {head: [row for row in rows if row.name == head.name] for head in heads}
    return tuple(Conclusion(head.name, tuple(_sentences(head, own))) for head, own in mine.items() if own)


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
    said += [words if not step else f"At step {step}: {words}" for step, words in verdicts.items()]
    undecided = {row.source.phrase: row.prompts for row in rows if row.side is None and row.explains}
    if undecided:
        names = listed(list(undecided))
        said.append(f"Beside {names}, {max(undecided.values())} prompts are too few to decide.")
    return said


def _verdict(here: Sequence[Against]) -> str:
    """What position, the readers of the latents and the untrained networks leave open, at one step."""
    said = []
    level = explaining(here)
    for kind, shows in SHOWS.items():
        names = [row.source.phrase for row in level if row.explains == kind]
        if names:
            said.append(f"not above {listed(names)}, so that the score {shows}")
    if said:
        return "; ".join(said) + "."
    tried = {row.control for row in here if row.side is not None}
    missing = [key for keys in ways_to_try().values() if not tried & _sources_of(keys) for key in keys]
    if missing:
        return f"above every control that was tried; the controls {listed(missing)} would try harder."
    return (
        "above every reader of the step\u2019s latents and every untrained network: this is held in the "
        "trained network\u2019s activations, beyond what its input or random features give."
    )


def _sources_of(keys: Sequence[str]) -> set[str]:
    """Whose scores these controls add."""
    return {source.key for key in keys for source in controls()[key].sources}


def signed(value: float) -> str:
    """A difference for reading, with its sign."""
    return f"+{number(value)}" if value > 0 else number(value)
