"""Findings of a study's folder: here alone findings and studies meet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from underpainting.errors import UnderpaintingError
from underpainting.findings.against import Headline, headlines
from underpainting.findings.classification import ACCURACY, Accuracy, Seen, probe_accuracies, read_seen
from underpainting.findings.compare import Compared, Side, compare
from underpainting.findings.cubes import Scores, read_scores
from underpainting.findings.emergence import emergence_table
from underpainting.findings.leads import leads_table
from underpainting.probes import ProbeSet
from underpainting.records import CLASSIFICATION, EMERGENCE, LEADS, write_table
from underpainting.study.request.config import changes
from underpainting.study.study import StudyFolder, open_study


def write_findings(study: StudyFolder) -> None:
    """Write `emergence.parquet` and `leads.parquet` of a study that is done.

    They hold from which step each property is there, in every layer, and how far ahead of each rival the
    probe is, with intervals. Raises UnderpaintingError where the study is not done, or damaged.
    """
    probes = study.probes
    main = main_metrics(probes)
    test = study_scores(study, study.scores_file, probes, main.values())
    calibrate = study_scores(study, study.calibrate_file, probes, main.values())
    with study.sealing(study.leads_file) as temporary:
        write_table(temporary, leads_table(test, main, chosen_layers(probes)), LEADS)
    with study.sealing(study.emergence_file) as temporary:
        write_table(temporary, emergence_table(test, calibrate, main), EMERGENCE)


def headlines_of(study: StudyFolder) -> tuple[Headline, ...]:
    """A row a property of a study that is done: its score, strongest control and emergence.

    Raises UnderpaintingError where a table is missing or damaged.
    """
    probes = study.probes
    main = main_metrics(probes)
    scores = study_scores(study, study.scores_file, probes, main.values())
    emergence = study.table(study.emergence_file, EMERGENCE).to_pylist()
    return headlines(scores, main, chosen_layers(probes), emergence)


def compare_studies(folders: Sequence[Path], step: int | None = None) -> list[Compared]:
    """Set studies side by side at a step, each under its folder's path.

    Raises UnderpaintingError as `compare`, and where one of them is not done, is damaged, or fewer than two
    are given.
    """
    if len(set(folders)) < 2:
        raise UnderpaintingError("there is nothing to compare: give the folders of two studies or more")
    sides = {}
    for folder in folders:
        study = open_study(folder)
        study.require_done()
        probes = study.probes
        sides[str(folder)] = Side(study_scores(study, study.scores_file, probes), chosen_layers(probes))
    return compare(sides, step)


def unlike(folders: Sequence[Path]) -> list[str]:
    """A line for each study whose settings differ from the first one's, with what differs.

    Sections that say which pictures are made, and how a run goes about it, are left out.
    """
    first, *others = map(open_study, folders)
    alike = {of: getattr(first.config, of) for of in ("prompts", "split", "run")}
    told = {study: changes(first.config, study.config.model_copy(update=alike)) for study in others}
    return [
        f"{study.folder} differs from {first.folder} in {', '.join(differing)}"
        for study, differing in told.items()
        if differing
    ]


def classification_of(
    study: StudyFolder, right: Sequence[str] = ()
) -> tuple[list[Seen], str, list[Accuracy]]:
    """What a study's classifier saw; the layer of its best class probe, and that one's accuracy by step.

    right: names of the right classes, instead of those that prompts name. Raises UnderpaintingError where the
    study is not done or had no classifier.
    """
    if study.config.labels.classifier is None:
        raise UnderpaintingError(
            f"{study.folder} was made without a classifier; name one by --classifier in another study"
        )
    seen = read_seen(study.table(study.classification_file, CLASSIFICATION), right)
    probes = study.probes
    test, calibrate = (
        study_scores(study, path, probes, (ACCURACY,)) for path in (study.scores_file, study.calibrate_file)
    )
    return seen, *probe_accuracies(test, calibrate)


def study_scores(
    study: StudyFolder,
    path: Path,
    probes: ProbeSet,
    metrics: Collection[str] | None = None,
) -> Scores:
    """A table of a study's scores as cubes, of the branch that best layers are chosen on.

    path: of test or of calibrate pictures. metrics: those that are wanted, or all. Raises UnderpaintingError
    where it is not there, or damaged.
    """
    names = [layer.name for layer in probes.layers]
    return read_scores(study.require(path), names, probes.steps, probes.branches, metrics)


def main_metrics(probes: ProbeSet) -> dict[str, str]:
    """The main metric of each property."""
    return {name: best.metric for name, best in probes.best.items()}


def chosen_layers(probes: ProbeSet) -> dict[str, str]:
    """The best layer of each property."""
    return {name: best.layer for name, best in probes.best.items()}
