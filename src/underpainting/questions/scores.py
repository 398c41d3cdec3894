"""A study's scores as findings take them, and what is found in them."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from underpainting.findings.against import Headline
from underpainting.findings.against import headlines as headlines_of_scores
from underpainting.findings.cubes import Scores, read_scores
from underpainting.findings.leads import leads_table
from underpainting.findings.table import emergence_table
from underpainting.records import EMERGENCE, LEADS, require_whole, sealing, write_table
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import main_branch


def read_card(study: StudyFolder) -> dict[str, Any]:
    """The card of a study's probes. Raises UnderpaintingError where they are not there, or not whole."""
    require_whole(study.probes_folder, study.remade)
    card: dict[str, Any] = json.loads((study.probes_folder / "card.json").read_text(encoding="utf-8"))
    return card


def study_scores(
    study: StudyFolder, path: Path | None = None, metrics: Collection[str] | None = None
) -> Scores:
    """Scores of a study in the branch that best layers are chosen on.

    path: the table, the test pictures' unless told. metrics: those that are wanted, or all. Raises
    UnderpaintingError where the study is not done, or something is damaged.
    """
    card, path = read_card(study), path or study.scores_file
    require_whole(path, study.remade)
    return read_scores(path, card, main_branch(card["branches"]), metrics)


def write_findings(study: StudyFolder) -> None:
    """Write `emergence.parquet` and `leads.parquet`.

    They hold from which step each property is there, in every layer, and how far ahead of each rival the
    probe is, with intervals.
    """
    metrics = {name: best.metric for name, best in study.probes.best.items()}
    layers = {name: best.layer for name, best in study.probes.best.items()}
    test, calibrate = (
        study_scores(study, path, set(metrics.values())) for path in (study.scores_file, study.calibrate_file)
    )
    with sealing(study.leads_file) as temporary:
        write_table(temporary, leads_table(test, metrics, layers), LEADS)
    with sealing(study.emergence_file) as temporary:
        write_table(temporary, emergence_table(test, calibrate, metrics), EMERGENCE)


def headlines(study: StudyFolder) -> tuple[Headline, ...]:
    """A row a property of a study that is done: its score, strongest control and emergence.

    Raises UnderpaintingError where a table is missing or damaged.
    """
    metrics = {best.metric for best in study.probes.best.values()}
    scores = study_scores(study, metrics=metrics)
    return headlines_of_scores(
        scores, read_card(study)["properties"], study.table(study.emergence_file, EMERGENCE).to_pylist()
    )
