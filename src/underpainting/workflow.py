"""Whole jobs, put together from study and report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from underpainting.diffusion import Model
from underpainting.errors import UnderpaintingError
from underpainting.findings.classification import ACCURACY, Accuracy, Seen, probe_accuracies, read_seen
from underpainting.findings.compare import Compared, Side
from underpainting.findings.compare import compare as compare_sides
from underpainting.findings.cubes import Scores, read_scores
from underpainting.findings.interventions import Done, interventions
from underpainting.findings.leads import leads_table
from underpainting.findings.table import emergence_table
from underpainting.hub import fetch, upload
from underpainting.intervention import Plan, make_plan
from underpainting.observers.classifiers import load_classifier
from underpainting.observers.estimators import Estimator
from underpainting.observers.needs import Needed, known_needs, needs
from underpainting.probes import ProbeSet, import_published
from underpainting.records import (
    CLASSIFICATION,
    EMERGENCE,
    INTERVENTIONS,
    LEADS,
    atomic_folder,
    main_branch,
    read_table,
    require_whole,
    sealing,
    write_bytes,
    write_table,
)
from underpainting.report import write_figures, write_report
from underpainting.report.card import about_study, study_card
from underpainting.report.recognition import recognition_file
from underpainting.report.strip import strip_png
from underpainting.study.config import ControlsConfig, LabelsConfig, ModelConfig, StudyConfig, WatchConfig
from underpainting.study.damage import find_damage
from underpainting.study.environment import (
    Workshop,
    choose_device,
    open_model,
    open_workshop,
    record_environment,
    recorded_model,
)
from underpainting.study.folder import Study, check_free, create_study, open_study, write_json
from underpainting.study.looking import look_at, score_readings
from underpainting.study.pictures import read_picture
from underpainting.study.progress import Progress
from underpainting.study.prompts import PromptRow, read_prompts
from underpainting.study.run import MAX_SET_ASIDE, run_study
from underpainting.study.shards import set_aside
from underpainting.study.splits import SPLITS
from underpainting.uses.capture import CapturePlan
from underpainting.uses.classify import Shown, classify_shown, make_shown, read_shown, study_shown
from underpainting.uses.deeper import Deeper, deeper_probes
from underpainting.uses.easel import MASK, set_up
from underpainting.uses.experiment import (
    choose_plan,
    chosen_plan,
    controls,
    distances,
    keep_examples,
    run_experiment,
    variations,
)
from underpainting.uses.intervene import Asked, Intervened, read_mask
from underpainting.uses.intervene import intervene as paint_intervened
from underpainting.uses.intervene import replay as paint_again
from underpainting.uses.remake import sound_rows
from underpainting.uses.transfer import Transferred, leave_out, other_prompts


def init(folder: Path, config: StudyConfig) -> Study:
    """Make a study folder, after checking that prompts, model, layers and estimator are there.

    Known weights that are only not fetched yet are no obstacle: see `doctor`. Raises UnderpaintingError where
    anything else is not there, or where the folder is taken.
    """
    check_free(folder)
    files = config.prompts
    rows = read_prompts(files.file, files.limit)
    tests = read_prompts(files.test_file, files.limit, after=rows) if files.test_file else []
    missing = [needed for needed in study_needs(config) if not needed.here]
    if not missing or any(not needed.licence for needed in missing):
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
        progress.phase("findings")
        write_findings(study)
    if not study.report.is_file():
        progress.phase("report")
        write_report(folder)
    return study


def write_findings(study: Study) -> None:
    """Write `emergence.parquet` and `leads.parquet`.

    They hold from which step each property is there, in every layer, and how far ahead of each opponent the
    probe is, with intervals.
    """
    card = _card(study)
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
        layers = {name: about["best_layer"] for name, about in _card(study)["properties"].items()}
        sides[str(folder)] = Side(_test_scores(study), layers)
    return compare_sides(sides)


def _card(study: Study) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((study.probes / "card.json").read_text(encoding="utf-8"))
    return card


def _test_scores(study: Study) -> Scores:
    card = _card(study)
    return read_scores(study.scores, card, main_branch(card["branches"]))


def report(folder: Path, *, figures: bool = False, growth: Path | None = None) -> list[Path]:
    """Write the report of a study that is done, and its figures and tables as files; return what was written.

    growth: folder of studies of the model's checkpoints, each named by how much training that had.

    Raises UnderpaintingError where the study is not done, or what is shown is damaged.
    """
    study = open_study(folder)
    for path in (study.scores, study.probes, study.gallery, study.classification):
        if path.exists():
            require_whole(path, f"`underpainting run {folder}` makes it again")
    return [write_report(folder, growth), *([write_figures(folder, growth)] if figures else [])]


def reopen(folder: Path) -> tuple[Study, Workshop]:
    """A study that has its probes, with all that it was run with.

    Raises UnderpaintingError where it has none, or where model or estimator are not there or not the same.
    """
    study = open_study(folder)
    require_whole(study.probes, f"`underpainting run {folder}` makes it")
    workshop = open_workshop(study.config)
    record_environment(study, workshop)
    return study, workshop


def look(picture: Path, folder: Path, *, prompt: str, seed: int, out: Path) -> dict[str, list[float]]:
    """Draw what a study's model knows of a picture at each step's noise level; scores [step] by property.

    Raises UnderpaintingError where the picture cannot be read, the study is not done, or its model or
    estimator is not the one that it was run with.
    """
    study, workshop = reopen(folder)
    looked = look_at(study, workshop, read_picture(picture, workshop.model.size), prompt, seed)
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
    study, workshop = reopen(folder)
    require_whole(study.scores, f"`underpainting run {folder}` makes it")
    if empty_prompt:
        seeds = dict.fromkeys(row.seed for row in sound_rows(study, "test"))
        others["empty prompt"] = [PromptRow("", seed, i) for i, seed in enumerate(seeds)]
    found = leave_out(study, workshop, words, progress) if words else []
    for name, rows in others.items():
        found += other_prompts(study, workshop, rows, name, _test_scores(study), progress)
    return found


def intervene(
    folder: Path,
    asked: Asked,
    settings: Mapping[str, Any],
    *,
    mask: Path | None = None,
    out: Path | None = None,
) -> Intervened:
    """Make one picture as it is and with edited activations.

    settings: those of the plan that are given; others are what was chosen for the study on calibrate
    pictures, where its experiment was run. mask: a picture whose bright part is to be the object.

    Raises UnderpaintingError as `uses.intervene.intervene`, and where settings are not a plan's.
    """
    study, workshop = reopen(folder)
    if asked.is_moved and asked.properties == (MASK,):
        usual = chosen_plan(study, MASK) or Plan()
    else:
        usual = Plan(kind="covariance", strength=5.0, last=8)
    last = min(usual.last, study.config.model.steps)
    plan = make_plan({**usual.model_dump(), "last": last, "properties": asked.properties, **settings})
    drawn = None if mask is None else read_mask(mask, workshop.model.size)
    return paint_intervened(set_up(study, workshop), asked, plan, out, drawn)


def replay(folder: Path, intervention: Path) -> bool:
    """Make an intervention's picture again: whether it is the same. Raises as `uses.intervene.replay`."""
    return paint_again(set_up(*reopen(folder)), intervention)


def experiment(
    folder: Path,
    *,
    aim: str = MASK,
    pictures: int = 100,
    trials: int = 3,
    settings: Mapping[str, Any] | None = None,
    vary: bool = False,
    progress: Progress | None = None,
) -> list[Done]:
    """Score interventions on test pictures beside controls; write `interventions/scores.parquet`, and report.

    aim: the property whose maps are moved. settings: those of a plan; where none is given, the plan is
    chosen on calibrate pictures. vary: in place of controls, the edit at other strengths, until other steps,
    and without or with only one part of the network (in `interventions/AIM/variations.parquet`).

    Raises UnderpaintingError where the study is not done, has no such property, or another experiment with
    that aim is there.
    """
    progress = progress or Progress()
    easel = set_up(*reopen(folder))
    home = easel.study.interventions
    easel.require((aim,))
    plan = make_plan({**settings, "properties": (aim,)}) if settings else choose_plan(easel, aim, progress)
    easel.layers(plan)
    size: dict[str, int] = {"pictures": pictures, "trials": trials}
    if vary:
        varied = variations(easel, plan)
        table = run_experiment(easel, aim, plan, varied, home / aim / "vary", **size, progress=progress)
        with sealing(home / aim / "variations.parquet") as temporary:
            write_table(temporary, table, INTERVENTIONS)
        return interventions(table)
    run_experiment(easel, aim, plan, controls(easel, aim, plan), home / aim, **size, progress=progress)
    keep_examples(easel, aim, plan, home / aim)
    with sealing(home / aim / "frechet.json") as temporary:
        write_json(temporary, distances(home / aim))
    parts = sorted(home.glob("*/[0-9]*.parquet"))
    table = pa.concat_tables([read_table(part, INTERVENTIONS) for part in parts])
    with sealing(home / "scores.parquet") as temporary:
        write_table(temporary, table, INTERVENTIONS)
    write_report(folder)
    return interventions(table)


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


def import_probes(folder: Path, out: Path, property: str | None = None) -> ProbeSet:
    """Read published probes into a probe set's folder, which is made; see `probes.import_published`.

    Raises UnderpaintingError where there are none or they are broken, or the folder is there.
    """
    probes = import_published(folder, property)
    if out.exists():
        raise UnderpaintingError(f"{out} is there already; name another folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(out) as temporary:
        probes.save(temporary)
    return probes


def classify(
    sources: Sequence[Path],
    *,
    prompt: str | None = None,
    seed: int = 0,
    model: ModelConfig | None = None,
    classifier: str = "stilllife",
    right: Sequence[str] = (),
    out: Path,
) -> list[Seen]:
    """Classify pictures; write `classification.parquet` and, of images with steps, figures.

    sources: studies, folders of step pictures or of photographs, photographs. prompt, seed: a picture that is
    made with the model. right: names of the right classes, instead of those that prompts name.

    Raises UnderpaintingError where there is nothing to classify, or something cannot be read or loaded.
    """
    if not sources and prompt is None:
        raise UnderpaintingError("nothing to classify: give pictures, a folder of them, a study, or --prompt")
    names = load_classifier(classifier, device=choose_device("auto"))
    shown: list[Shown] = []
    for path in sources:
        is_study = (path / "study.toml").is_file()
        shown += study_shown(open_study(path)) if is_study else read_shown([path])
    if prompt is not None:
        config = model or ModelConfig()
        loaded = open_model(StudyConfig(model=config))
        made = make_shown(loaded, prompt, seed, steps=config.steps, guidance_scale=config.guidance_scale)
        shown.append(made)
    table = classify_shown(shown, names, right)
    with sealing(out / "classification.parquet") as temporary:
        write_table(temporary, table, CLASSIFICATION)
    frames = {(of.image, look): of.frames[look].numpy() for of in shown for look in of.frames}
    found = read_seen(table, right)
    for seen in found:
        if seen.steps[0] > 0:
            for kind in ("png", "svg"):
                figure = recognition_file(seen, frames[seen.image, seen.picture], kind)
                write_bytes(out / f"{Path(seen.image).name}-{seen.picture}.{kind}", figure)
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
    card = _card(study)
    test, calibrate = (
        read_scores(path, card, main_branch(card["branches"]), {ACCURACY})
        for path in (study.scores, study.calibrate)
    )
    seen = read_seen(read_table(study.classification, CLASSIFICATION), right)
    return seen, *probe_accuracies(test, calibrate)


def push(folder: Path, repository: str, *, probes_only: bool = False, private: bool | None = None) -> str:
    """Upload a study that is done to the Hugging Face hub, a data set with a card, and give its address.

    probes_only: its probes alone, a model with a card. Raises UnderpaintingError where the study is not done,
    something of it is damaged, or the hub refuses.
    """
    study = open_study(folder)
    if damage := find_damage(study):
        raise UnderpaintingError(f"{damage[0]}; `underpainting run {folder}` makes it again")
    if probes_only:
        about = about_study(study)
        return ProbeSet.load(study.probes).push_to_hub(repository, about=about, private=private)
    write_bytes(folder / "README.md", study_card(study, repository).encode())
    return upload(folder, repository, "dataset", private=private, message="Upload study")


def pull(repository: str, folder: Path, *, revision: str | None = None) -> Study:
    """Fetch a study from the Hugging Face hub into a folder, and check it.

    Raises UnderpaintingError where the folder is taken, the hub has no such study, or it is damaged.
    """
    check_free(folder)
    fetch(repository, "dataset", revision=revision, local_dir=folder)
    study = open_study(folder)
    if damage := find_damage(study):
        raise UnderpaintingError(f"{damage[0]}; remove {folder} and fetch it again")
    return study


def plan_capture(
    folder: Path,
    out: Path,
    *,
    layers: Sequence[str] | None = None,
    steps: Sequence[int] | None = None,
    branches: Sequence[str] | None = None,
    dtype: str = "float16",
    split: str | None = None,
) -> CapturePlan:
    """What it takes to write a study's activations to disk; `uses.capture.carry_out` does it.

    Pictures are made in the study's own batches, less what was set aside, so that the activations are those
    that its probes read. Layers, steps (from 1) and branches are the study's own where left out; split: only
    the pictures of fit, calibrate or test.

    Raises UnderpaintingError where there is no study, its model is not there or not the same, or a choice is
    unknown.
    """
    study = open_study(folder)
    if split not in (None, *SPLITS):
        raise UnderpaintingError(f"split {split!r} is unknown: give {', '.join(SPLITS)}")
    config, model = study.config, recorded_model(study)
    aside = set_aside(study.shard(shard.number) for shard in study.shards)
    shards = [shard for shard in study.shards if split in (None, shard.split)]
    sound = [
        tuple(row for row in batch if row.image not in aside) for shard in shards for batch in shard.batches
    ]
    return CapturePlan(
        model=model,
        batches=tuple(batch for batch in sound if batch),
        config=config.model,
        layers=model.resolve(layers or config.watch.layers),
        steps=tuple(sorted(set(steps or range(1, config.model.steps + 1)))),
        branches=tuple(branches or config.watch.branches),
        dtype=dtype,
        folder=out,
    )


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
