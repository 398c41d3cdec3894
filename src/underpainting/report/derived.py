"""The tables that a report is made of, each computed once for all that shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from underpainting.controls import Panel
from underpainting.findings.against import Against, Headline
from underpainting.report.conclusions import differences
from underpainting.report.contents import Contents
from underpainting.report.tables import LayerTable, ScoreRow, layer_table, score_table, step_table
from underpainting.report.verdicts import study_headlines

PANELS: dict[Panel, str] = {"probes": "by-step", "pictures": "looks", "networks": "networks"}
"""Names of the figures by step, by the panel of the sources that they show."""


@dataclass(frozen=True)
class Derived:
    """Scores of the last step, by step of each panel, and by layer; headlines, and controls against them."""

    scores: tuple[ScoreRow, ...]
    by_step: Mapping[Panel, tuple[ScoreRow, ...]]
    by_layer: tuple[LayerTable, ...]
    headlines: tuple[Headline, ...]
    against: tuple[Against, ...]


def derive(contents: Contents) -> Derived:
    """All tables of a report's contents."""
    heads = study_headlines(contents)
    return Derived(
        scores=score_table(contents),
        by_step={panel: step_table(contents, panel) for panel in PANELS},
        by_layer=layer_table(contents),
        headlines=heads,
        against=differences(contents, heads),
    )
