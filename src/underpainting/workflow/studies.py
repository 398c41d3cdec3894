"""Studies: made, run, reopened, compared, reported."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from underpainting.diffusion import Model
from underpainting.errors import UnderpaintingError
from underpainting.findings.against import Headline
from underpainting.findings.against import headlines as of_scores
from underpainting.findings.compare import Compared, Side
from underpainting.findings.compare import compare as compare_sides
from underpainting.findings.cubes import Scores, read_scores
from underpainting.findings.leads import leads_table
from underpainting.findings.table import emergence_table
from underpainting.observers.estimators import Estimator
from underpainting.observers.needs import Needed, known_needs, needs
from underpainting.records import (
    EMERGENCE,
    LEADS,
    main_branch,
    read_table,
    require_whole,
    sealing,
    write_table,
)
from underpainting.report import keep_title, write_figures, write_report
from underpainting.study.config import ControlsConfig, LabelsConfig, ModelConfig, StudyConfig, WatchConfig
from underpainting.study.environment import (
    Workshop,
    open_workshop,
    record_environment,
    use_threads,
)
from underpainting.study.folder import Study, check_free, create_study, open_study
from underpainting.study.progress import Progress
from underpainting.study.prompts import read_prompts
from underpainting.study.run import MAX_SET_ASIDE, run_study


def init(folder: Path, config: StudyConfig) -> Study:
    """Make a study folder, after checking that prompts, model, layers and estimator are there.

    Known weights that are only not fetched yet are no obstacle: see `doctor`. Raises UnderpaintingError where
    anything else is not there, or where the folder is taken. Nothing is fetched.
    """
    check_free(folder)
    files = config.prompts
    rows = read_prompts(files.file, files.limit)
    tests = read_prompts(files.test_file, files.limit, after=rows) if files.test_file else []
    missing = [needed for needed in study_needs(config) if not needed.here]
    for needed in missing:
        if needed.command and not needed.licence:
            raise UnderpaintingError(needed.line)
    if not missing or not all(needed.command for needed in missing):
        open_workshop(config)
    return create_study(folder, config, rows, tests)


def run(
    folder: Path,
    *,
    model: Model | None = None,
    estimator: Estimator | None = None,
    progress: Progress | None = None,
    workers: int = 1,
    max_set_aside: float = MAX_SET_ASIDE,
) -> Study:
    """Run a study or go on with it, then write what is made of its scores: emergence table and report.

    A study that is done only gets what is missing of them.

    Options and errors are those of `run_study`.
    """
    progress = progress or Progress()
    study = open_study(folder)
    run_study(
        study,
        model=model,
        estimator=estimator,
        progress=progress,
        workers=workers,
        max_set_aside=max_set_aside,
    )
    if not (study.emergence.is_file() and study.leads.is_file()):
        progress.phase("emergence and leads")
        write_findings(study)
    if not study.report.is_file():
        progress.phase("writing the report")
        write_report(folder)
    return study


def write_findings(study: Study) -> None:
    """Write `emergence.parquet` and `leads.parquet`.

    They hold from which step each property is there, in every layer, and how far ahead of each opponent the
    probe is, with intervals.
    """
    card = read_card(study)
    branch = main_branch(card["branches"])
    metrics = {name: about["metric"] for name, about in card["properties"].items()}
    test, calibrate = (
        read_scores(path, card, branch, set(metrics.values())) for path in (study.scores, study.calibrate)
    )
    layers = {name: about["best_layer"] for name, about in card["properties"].items()}
    with sealing(study.leads) as temporary:
        write_table(temporary, leads_table(test, metrics, layers), LEADS)
    with sealing(study.emergence) as temporary:
        write_table(temporary, emergence_table(test, calibrate, metrics), EMERGENCE)


def headlines(study: Study) -> tuple[Headline, ...]:
    """A row a property of a study that is done: its score, strongest control and emergence.

    Raises UnderpaintingError where a table is missing or damaged.
    """
    remake = f"`underpainting run {study.folder}` makes it again"
    for path in (study.scores, study.probes, study.emergence):
        require_whole(path, remake)
    card = read_card(study)
    metrics = {about["metric"] for about in card["properties"].values()}
    scores = read_scores(study.scores, card, main_branch(card["branches"]), metrics)
    return of_scores(scores, card["properties"], read_table(study.emergence, EMERGENCE).to_pylist())


def compare(folders: Sequence[Path]) -> list[Compared]:
    """Set studies side by side, each under its folder's path.

    Raises UnderpaintingError where one of them is not done, is damaged, or fewer than two are given.
    """
    if len(set(folders)) < 2:
        raise UnderpaintingError("there is nothing to compare: give the folders of two studies or more")
    sides = {}
    for folder in folders:
        study = open_study(folder)
        for path in (study.scores, study.probes):
            require_whole(path, f"`underpainting run {folder}` makes it")
        layers = {name: about["best_layer"] for name, about in read_card(study)["properties"].items()}
        sides[str(folder)] = Side(read_test_scores(study), layers)
    return compare_sides(sides)


def read_card(study: Study) -> dict[str, Any]:
    """The card of a study's probes."""
    card: dict[str, Any] = json.loads((study.probes / "card.json").read_text(encoding="utf-8"))
    return card


def read_test_scores(study: Study) -> Scores:
    """Scores of its test pictures, in the branch that best layers are chosen on."""
    card = read_card(study)
    return read_scores(study.scores, card, main_branch(card["branches"]))


def report(
    folder: Path,
    *,
    figures: bool = False,
    growth: Path | None = None,
    title: str | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write the report of a study that is done, and its figures and tables as files; return what was written.

    growth: folder of studies of the model's checkpoints, each named by how much training that had.
    title: as `keep_title`; none given, the one that was kept.

    Raises UnderpaintingError where the study is not done, or what is shown is damaged.
    """
    study = open_study(folder)
    for path in (study.scores, study.probes, study.gallery, study.classification):
        if path.exists():
            require_whole(path, f"`underpainting run {folder}` makes it again")
    if title is not None:
        keep_title(folder, title)
    written = [write_report(folder, growth)]
    if figures:
        (progress or Progress()).phase("drawing figures")
        written.append(write_figures(folder, growth))
    return written


def probed(folder: Path) -> Study:
    """A study that has its probes; nothing is loaded. Raises UnderpaintingError where it has none."""
    study = open_study(folder)
    require_whole(study.probes, f"`underpainting run {folder}` makes it")
    return study


def reopen(folder: Path) -> tuple[Study, Workshop]:
    """A study that has its probes, with all that it was run with.

    Raises UnderpaintingError where it has none, or where model or estimator are not there or not the same.
    """
    study = probed(folder)
    use_threads(study)
    workshop = open_workshop(study.config)
    record_environment(study, workshop)
    return study, workshop


def doctor(folder: Path | None = None) -> list[Needed]:
    """What weights a study needs, or, without one, all that are known by name; nothing is loaded.

    Raises UnderpaintingError where the folder holds no study.
    """
    if folder is None:
        return known_needs()
    return study_needs(open_study(folder).config)


def study_needs(config: StudyConfig) -> list[Needed]:
    """The weights that a study's config names."""
    found = needs("model", config.model.name) + needs("estimator", config.labels.estimator)
    return found + (needs("classifier", config.labels.classifier) if config.labels.classifier else [])


DEMO = StudyConfig(model=ModelConfig(guidance_scale=3.0), labels=LabelsConfig(classifier="stilllife"))


FULL_DEMO = DEMO.model_copy(
    update={
        "watch": WatchConfig(branches=("conditional", "unconditional")),
        "controls": ControlsConfig(
            share=1, network=True, twins=("permuted", "fresh", "permuted-own", "fresh-own")
        ),
    }
)


def demo(folder: Path, progress: Progress | None = None, *, full: bool = False) -> Study:
    """The still life's study of the bundled prompts in a folder: made, run or gone on with, and reported.

    full: costly controls run on all test pictures, not on a part.
    """
    if not (folder / "study.toml").is_file():
        check_free(folder)
        create_study(folder, FULL_DEMO if full else DEMO, read_prompts("stilllife"))
    elif full and open_study(folder).config != FULL_DEMO:
        raise UnderpaintingError(f"{folder} was begun without --full; name another folder for the full demo")
    return run(folder, progress=progress)
