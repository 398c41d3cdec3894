"""Whole jobs, put together from study and report."""

from __future__ import annotations

from pathlib import Path

from underpainting.diffusion import Model
from underpainting.observers.estimators import Estimator
from underpainting.report import write_report
from underpainting.study.config import ModelConfig, StudyConfig
from underpainting.study.environment import open_workshop
from underpainting.study.folder import Study, check_free, create_study, open_study
from underpainting.study.progress import Progress
from underpainting.study.prompts import read_prompts
from underpainting.study.run import run_study


def init(folder: Path, config: StudyConfig) -> Study:
    """Make a study folder, after checking that prompts, model, layers and estimator are there.

    Raises UnderpaintingError where one of them is not, or where the folder is taken.
    """
    check_free(folder)
    rows = read_prompts(config.prompts.file, config.prompts.limit)
    open_workshop(config)
    return create_study(folder, config, rows)


def run(
    folder: Path,
    *,
    model: Model | None = None,
    estimator: Estimator | None = None,
    progress: Progress | None = None,
) -> Study:
    """Run a study or go on with it, then write its report; a study that is done only gets a missing report.

    model, estimator: objects to use instead of those that the config names. Raises as `run_study`.
    """
    progress = progress or Progress()
    study = open_study(folder)
    before = study.done
    run_study(study, model=model, estimator=estimator, progress=progress)
    if not before or not (folder / "report" / "index.html").is_file():
        progress.phase("report")
        write_report(folder)
    return study


DEMO = StudyConfig(model=ModelConfig(guidance_scale=3.0))


def demo(folder: Path, progress: Progress | None = None) -> Study:
    """The still life's study of the bundled prompts in a folder: made, run or gone on with, and reported."""
    if not (folder / "study.toml").is_file():
        check_free(folder)
        create_study(folder, DEMO, read_prompts("stilllife"))
    return run(folder, progress=progress)
