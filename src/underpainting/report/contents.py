"""What the report shows of a study, read and derived once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from underpainting.findings import classification_of, study_scores
from underpainting.findings.classification import Accuracy, Seen
from underpainting.findings.cubes import Scores
from underpainting.findings.distances import Distance
from underpainting.findings.growth import Grown, read_growth
from underpainting.findings.interventions import Done, interventions
from underpainting.findings.of_study import chosen_layers, main_metrics
from underpainting.intervention.edit import Edit, make_edit
from underpainting.probes import ProbeSet
from underpainting.readers import read_json, read_tensors, read_text, reading
from underpainting.records import EMERGENCE, INTERVENTIONS, LEADS, read_table, remove
from underpainting.study.sealed import ASK_AGAIN, TITLE_AGAIN
from underpainting.study.study import Gallery, StudyFolder
from underpainting.vocabulary import main_branch


@dataclass(frozen=True)
class Experiment:
    """Interventions that aimed at one property: the edit, its scores, and pictures to look at.

    examples: `before`, `after` and `target` as `intervention.experiment.keep_examples` keeps them, where it
    did. distances: kernel distances of pictures from the unedited ones by condition, where known.
    """

    aim: str
    edit: Edit
    rows: tuple[Done, ...]
    examples: Mapping[str, NDArray[Any]]
    distances: Mapping[str, Distance] = field(default_factory=dict)


@dataclass(frozen=True)
class Contents:
    """Everything that a report shows of a study that is done, read and derived once.

    aside: why pictures were set aside, by image. seen: what a classifier saw in test pictures; class_probe:
    the layer of the best class probe, and that one's accuracy by step. Both are empty where the study has no
    classifier. growth: scores of the model's checkpoints, where they are given. experiments: interventions,
    where they were scored.
    """

    study: StudyFolder
    probes: ProbeSet
    scores: Scores
    title: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    gallery: Gallery | None = None
    aside: Mapping[str, str] = field(default_factory=dict)
    emergence: tuple[dict[str, Any], ...] = ()
    leads: tuple[dict[str, Any], ...] = ()
    seen: tuple[Seen, ...] = ()
    class_probe: tuple[str, tuple[Accuracy, ...]] = ("", ())
    growth: tuple[Grown, ...] = ()
    experiments: tuple[Experiment, ...] = ()

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.study.folder.resolve().name

    @property
    def branch(self) -> str:
        """The branch of guidance that is reported."""
        return main_branch(self.probes.branches)

    @property
    def settings(self) -> dict[str, Any]:
        """What was asked for, as `study.toml` has it."""
        return self.study.config.model_dump(mode="json", exclude_none=True)

    @cached_property
    def prompts(self) -> dict[str, int]:
        """Distinct prompts of each split."""
        pairs = {(split, row.prompt) for row, split in zip(self.study.rows, self.study.splits, strict=True)}
        return dict(Counter(split for split, _ in pairs))


def read_contents(study: StudyFolder, growth: Path | None = None) -> Contents:
    """Read a study that is done, and the scores of its model's checkpoints (see `read_growth`).

    Raises UnderpaintingError where the study is not done or a file of it is damaged.
    """
    study.require_done()
    probes = study.probes
    layers, metrics = chosen_layers(probes), main_metrics(probes)
    seen, class_layer, accuracies = (
        classification_of(study) if study.config.labels.classifier else ([], "", [])
    )
    emergence, leads = (
        tuple(read_table(path, schema).to_pylist()) if study.has(path) else ()
        for path, schema in ((study.emergence_file, EMERGENCE), (study.leads_file, LEADS))
    )
    return Contents(
        study=study,
        probes=probes,
        scores=study_scores(study, study.scores_file, probes),
        title=kept_title(study),
        environment=made_with(study),
        gallery=study.gallery,
        aside=study.set_aside(),
        emergence=emergence,
        leads=leads,
        seen=tuple(seen),
        class_probe=(class_layer, tuple(accuracies)),
        growth=read_growth(growth, layers, metrics, main_branch(probes.branches)) if growth else (),
        experiments=_experiments(study),
    )


def kept_title(study: StudyFolder) -> str:
    """The title that is kept, or nothing. Raises UnderpaintingError where the file is damaged."""
    path = study.title_file
    return read_text(path, "title", "remove it").strip() if study.has(path, TITLE_AGAIN) else ""


def keep_title(study: StudyFolder, title: str) -> None:
    """Keep a title, on one line, for a study's reports; an empty one takes the kept one away."""
    words = " ".join(title.split())
    if words:
        with study.sealing(study.title_file) as temporary:
            temporary.write_text(f"{words}\n", encoding="utf-8")
    else:
        remove(study.title_file)


def _experiments(study: StudyFolder) -> tuple[Experiment, ...]:
    path = study.interventions_file
    if not (study.experiments or study.has(path, ASK_AGAIN)):
        return ()
    rows = interventions(read_table(study.require(path, ASK_AGAIN), INTERVENTIONS))
    return tuple(
        Experiment(
            aim,
            _edit(study, aim),
            tuple(row for row in rows if row.aim == aim),
            _examples(study, aim),
            _distances(study, aim),
        )
        for aim in dict.fromkeys(row.aim for row in rows)
    )


def _edit(study: StudyFolder, aim: str) -> Edit:
    about = study.require(study.experiment_file(aim), ASK_AGAIN), "file of an experiment", "run it again"
    edit = read_json(*about)
    with reading(*about):
        return make_edit(edit["edit"])


def _examples(study: StudyFolder, aim: str) -> Mapping[str, NDArray[Any]]:
    path = study.examples_file(aim)
    if not (aim in study.experiments or study.has(path, ASK_AGAIN)):
        return {}
    examples = read_tensors(study.require(path, ASK_AGAIN), "file of examples", "run the experiment again")
    return {name: of.numpy() for name, of in examples.items()}


def _distances(study: StudyFolder, aim: str) -> dict[str, Distance]:
    path = study.distances_file(aim)
    if not study.has(path, ASK_AGAIN):
        return {}
    about = path, "file of distances", "run the experiment again"
    written = read_json(*about)
    with reading(*about):
        return {name: Distance(**of) for name, of in written.get("kernel", {}).items()}


def made_with(study: StudyFolder) -> dict[str, Any]:
    """A study's environment but for its long parts: the config, and the settings of the model."""
    about = {name: value for name, value in study.environment.items() if name != "config"}
    if "model" in about:
        about["model"] = {name: value for name, value in about["model"].items() if name != "settings"}
    return about
