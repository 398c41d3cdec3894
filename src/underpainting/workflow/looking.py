"""Looking closer: at a picture, with other probes, at other prompts, by a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from underpainting.errors import UnderpaintingError
from underpainting.findings.classification import ACCURACY, Accuracy, Seen, probe_accuracies, read_seen
from underpainting.findings.cubes import read_scores
from underpainting.observers.classifiers import load_classifier
from underpainting.records import (
    CLASSIFICATION,
    main_branch,
    read_table,
    require_whole,
    sealing,
    write_bytes,
    write_table,
)
from underpainting.report.recognition import recognition_file
from underpainting.report.strip import strip_png
from underpainting.study.config import ModelConfig, StudyConfig
from underpainting.study.environment import (
    choose_device,
    open_model,
)
from underpainting.study.folder import open_study
from underpainting.study.looking import look_at, score_readings
from underpainting.study.pictures import read_picture
from underpainting.study.progress import Progress
from underpainting.study.prompts import PromptRow, about_seeds, read_prompts
from underpainting.threads import set_threads
from underpainting.uses.classify import Shown, classify_shown, make_shown, read_shown, study_shown
from underpainting.uses.deeper import Deeper, deeper_probes
from underpainting.uses.remake import sound_rows
from underpainting.uses.transfer import Transferred, leave_out, other_prompts
from underpainting.workflow.studies import read_card, read_test_scores, reopen


def look(
    picture: Path, folder: Path, *, prompt: str, seed: int, out: Path, progress: Progress | None = None
) -> dict[str, list[float]]:
    """Draw what a study's model knows of a picture at each step's noise level; scores [step] by property.

    Raises UnderpaintingError where the picture cannot be read, the study is not done, or its model or
    estimator is not the one that it was run with.
    """
    study, workshop = reopen(folder)
    shown = read_picture(picture, workshop.model.size)
    looked = look_at(study, workshop, shown, prompt, seed, progress)
    steps = range(study.config.model.steps)
    pictures = {
        "noisy": [*looked.frames["scaled"].numpy(), looked.picture.numpy()],
        "clean guess": [*looked.frames["clean"].numpy(), looked.picture.numpy()],
    }
    maps, ranges = {}, {}
    for name, label in looked.labels.items():
        maps[name] = [*looked.readings[name].numpy(), label.numpy()]
        ranges[name] = float(label.min()), float(label.max())
    write_bytes(out, strip_png(pictures, maps, ranges, [*(f"step {i + 1}" for i in steps), "itself"]))
    return score_readings(looked.readings, looked.labels, workshop.places)


def nonlinear(folder: Path, pictures: int, progress: Progress | None = None) -> list[Deeper]:
    """Train non-linear probes beside a study's own; see `deeper_probes`.

    Raises UnderpaintingError where the study is not done or what it was run with is not there.
    """
    study, workshop = reopen(folder)
    return deeper_probes(study, workshop, pictures, progress or Progress())


def transfer(
    folder: Path,
    *,
    words: Sequence[str] = (),
    prompts: str | None = None,
    empty_prompt: bool = False,
    progress: Progress | None = None,
) -> list[Transferred]:
    """Ask whether a study's probes carry over.

    To words left out of fitting, to the prompts of a file, to the test seeds without a prompt.

    Raises UnderpaintingError where none is given, the study is not done, a word is in no prompt, or the file
    cannot be read.
    """
    words = tuple(dict.fromkeys(words))
    if not (words or prompts is not None or empty_prompt):
        raise UnderpaintingError(
            "nothing to carry over to: give words to leave out, a file of prompts, or the empty prompt"
        )
    progress = progress or Progress()
    others = {} if prompts is None else {prompts: read_prompts(prompts)}
    if prompts is not None and (line := about_seeds(prompts)):
        progress.note(line)
    study, workshop = reopen(folder)
    require_whole(study.scores, f"`underpainting run {folder}` makes it")
    if empty_prompt:
        seeds = dict.fromkeys(row.seed for row in sound_rows(study, "test"))
        others["empty prompt"] = [PromptRow("", seed, i) for i, seed in enumerate(seeds)]
    found = leave_out(study, workshop, words, progress) if words else []
    for name, rows in others.items():
        found += other_prompts(study, workshop, rows, name, read_test_scores(study), progress)
    return found


def classify(
    sources: Sequence[Path],
    *,
    prompt: str | None = None,
    seed: int = 0,
    model: ModelConfig | None = None,
    classifier: str = "stilllife",
    right: Sequence[str] = (),
    out: Path,
    progress: Progress | None = None,
) -> list[Seen]:
    """Classify pictures; write `classification.parquet` and, of images with steps and photographs, figures.

    sources: studies, folders of step pictures or of photographs, photographs. prompt, seed: a picture that is
    made with the model. right: names of the right classes, instead of those that prompts name.

    Raises UnderpaintingError where there is nothing to classify, or something cannot be read or loaded.
    """
    if not sources and prompt is None:
        raise UnderpaintingError("nothing to classify: give pictures, a folder of them, a study, or --prompt")
    progress = progress or Progress()
    set_threads()
    names = load_classifier(classifier, device=choose_device("auto"))
    shown: list[Shown] = []
    for path in sources:
        is_study = (path / "study.toml").is_file()
        shown += study_shown(open_study(path)) if is_study else read_shown([path])
    if prompt is not None:
        config = model or ModelConfig()
        loaded = open_model(StudyConfig(model=config))
        settings: dict[str, Any] = {"steps": config.steps, "guidance_scale": config.guidance_scale}
        shown.append(make_shown(loaded, prompt, seed, **settings, progress=progress))
    table = classify_shown(shown, names, right, progress)
    with sealing(out / "classification.parquet") as temporary:
        write_table(temporary, table, CLASSIFICATION)
    frames = {(of.image, look): of.frames[look].numpy() for of in shown for look in of.frames}
    found = read_seen(table, right)
    drawn = [seen for seen in found if seen.picture != "final"]
    stems = [f"{Path(seen.image).name}-{seen.picture}" for seen in drawn]
    for number, (seen, stem) in enumerate(zip(drawn, stems, strict=True)):
        again = stems[:number].count(stem)  # photographs of one name, from several folders
        for kind in ("png", "svg"):
            figure = recognition_file(seen, frames[seen.image, seen.picture], kind)
            write_bytes(out / f"{stem}{f'-{again + 1}' if again else ''}.{kind}", figure)
    return found


def classification(folder: Path, right: Sequence[str] = ()) -> tuple[list[Seen], str, list[Accuracy]]:
    """What a study's classifier saw; the layer of its best class probe, and that one's accuracy by step.

    right: names of the right classes, instead of those that prompts name. Raises UnderpaintingError where the
    study is not done or had no classifier.
    """
    study = open_study(folder)
    if study.config.labels.classifier is None:
        raise UnderpaintingError(f"{folder} was made without a classifier; name one by --classifier")
    for path in (study.scores, study.classification):
        require_whole(path, f"`underpainting run {folder}` makes it")
    card = read_card(study)
    test, calibrate = (
        read_scores(path, card, main_branch(card["branches"]), {ACCURACY})
        for path in (study.scores, study.calibrate)
    )
    seen = read_seen(read_table(study.classification, CLASSIFICATION), right)
    return seen, *probe_accuracies(test, calibrate)
