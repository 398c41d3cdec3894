"""A study from prompts to report: init, run, demo, report. `api.Study` does the same from Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from underpainting.controls import controls
from underpainting.diffusion import Model
from underpainting.errors import UnderpaintingError
from underpainting.findings import write_findings
from underpainting.observers.estimators import Estimator
from underpainting.progress import Progress
from underpainting.readers import checked_path
from underpainting.records import only_run
from underpainting.report import keep_title, write_figures, write_report
from underpainting.study.cluster.job import Cluster
from underpainting.study.environment import load_study, open_model, study_needs
from underpainting.study.executors import Workers
from underpainting.study.paths import check_free
from underpainting.study.request.alike import about_negative, tell_apart
from underpainting.study.request.brought import BroughtLabels
from underpainting.study.request.config import (
    ControlsConfig,
    LabelsConfig,
    ModelConfig,
    StudyConfig,
    WatchConfig,
)
from underpainting.study.request.prompts import PromptRow, about_prompts, read_prompts
from underpainting.study.request.splits import TooFewPrompts
from underpainting.study.request.suited import about_observers, about_words
from underpainting.study.run import MAX_SET_ASIDE, run_study
from underpainting.study.study import StudyFolder, create_study, open_study
from underpainting.study.trust import own_classes, trust

DEMO = StudyConfig(model=ModelConfig(guidance_scale=3.0), labels=LabelsConfig(classifier="stilllife"))
FULL_DEMO = DEMO.model_copy(
    update={
        "watch": WatchConfig(branches=("conditional", "unconditional")),
        "controls": ControlsConfig(use=tuple(controls()), share=1),
    }
)


def init(
    folder: Path,
    config: StudyConfig,
    *,
    rows: Sequence[PromptRow] | None = None,
    test_rows: Sequence[PromptRow] | None = None,
    model: Model | None = None,
    labeller: Estimator | BroughtLabels | None = None,
    progress: Progress | None = None,
) -> StudyFolder:
    """Make a study folder, after checking that prompts, model, layers, and estimator or labels are there.

    rows, test_rows, model, labeller: objects in place of what the config names. progress: told how prompts
    were read, which are cut at the text encoders' limit, which are one to the model (see `tell_apart`), and
    of an estimator that does not know the model's pictures.
    Known weights that are only not fetched yet are no obstacle: see `doctor`. Classes of one's own that the
    config names are trusted from here on (see `study.trust`). Raises UnderpaintingError where anything else
    is not there, a prompt tests and fits, or the folder is taken. Nothing is fetched.
    """
    check_free(folder)
    files = config.prompts
    said = [
        line
        for file in (files.file, files.test_file)
        if rows is None and file
        for line in about_prompts(file)
    ]
    rows = read_prompts(files.file, files.limit) if rows is None else rows
    if test_rows is None:
        test_rows = read_prompts(files.test_file, files.limit, after=rows) if files.test_file else []
    given = {"model": model, "estimator": labeller}
    missing = [needed for needed in study_needs(config) if not needed.here and given.get(needed.part) is None]
    for needed in missing:
        if needed.command and not needed.licence:
            raise UnderpaintingError(needed.line)
    if not missing or not all(needed.command for needed in missing):
        loaded = load_study(config, model, labeller)
        if isinstance(loaded.labeller, BroughtLabels):
            loaded.labeller.require([row.image for row in (*rows, *test_rows)])
        model = loaded.model
    elif model is None and all(needed.part != "model" for needed in missing):
        model = open_model(config)
    trust(own_classes(config, labeller))
    told = tell_apart(rows, test_rows, model)
    try:
        study = create_study(folder, config, told.rows, told.test_rows)
    except TooFewPrompts as error:
        raise UnderpaintingError("; ".join([str(error), *told.said])) from None
    suited = *about_observers(config), *about_words(config, [row.prompt for row in study.rows])
    for line in (*said, *told.said, *about_negative(model), *suited):
        (progress or Progress()).note(line)
    return study


def run(
    study: StudyFolder | Path,
    *,
    progress: Progress | None = None,
    workers: Workers = None,
    cluster: Cluster | None = None,
    max_set_aside: float = MAX_SET_ASIDE,
) -> StudyFolder:
    """Run a study or go on with it, then write what is made of its scores: emergence, leads and report.

    A study that is done only gets what is missing of them. Options and errors are those of `run_study`.
    """
    progress, study = progress or Progress(), study if isinstance(study, StudyFolder) else open_study(study)

    def finish() -> None:
        if not (study.emergence_file.is_file() and study.leads_file.is_file()):
            progress.phase("emergence and leads")
            write_findings(study)
        if not study.report_file.is_file():
            progress.phase("writing the report")
            write_report(study)

    run_study(
        study,
        progress=progress,
        workers=workers,
        cluster=cluster,
        max_set_aside=max_set_aside,
        then=finish,
    )
    return study


def demo(folder: Path, progress: Progress | None = None, *, full: bool = False) -> StudyFolder:
    """The still life's study of the bundled prompts in a folder: made, run or gone on with, and reported.

    full: costly controls run on all test pictures, not on a part.
    """
    if not checked_path(folder / "study.toml").is_file():
        check_free(folder)
        create_study(folder, FULL_DEMO if full else DEMO, read_prompts("stilllife"))
    elif full and open_study(folder).config != FULL_DEMO:
        raise UnderpaintingError(f"{folder} was begun without --full; name another folder for the full demo")
    return run(folder, progress=progress)


def report(
    study: StudyFolder,
    *,
    figures: bool = False,
    growth: Path | None = None,
    title: str | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write the report of a study that is done, and its figures and tables as files; return what was written.

    growth: folder of studies of the model's checkpoints, each named by how much training that had. title: it
    is kept for later reports; an empty one takes the kept one away.

    Raises UnderpaintingError where the study is not done, or what is shown is damaged.
    """
    study.require_done()
    progress = progress or Progress()
    with only_run(study.folder):
        if title is not None:
            for path in (study.scores_file, study.probes_folder, study.gallery_folder):
                study.require(path)  # no title is kept for what cannot be shown
            keep_title(study, title)
        progress.phase("writing the report")
        written = [write_report(study, growth)]
        if figures:
            progress.phase("drawing figures")
            written.append(write_figures(study, growth))
    return written
