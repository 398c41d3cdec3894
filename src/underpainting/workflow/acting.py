"""Acting on pictures: one, the same again, many beside their controls."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from underpainting.errors import UnderpaintingError, UnsoundPictures
from underpainting.findings.interventions import Done, interventions
from underpainting.intervention import fit_mask, make_plan
from underpainting.observers.classifiers import load_classifier
from underpainting.probes import ProbeSet
from underpainting.records import BATCH, INTERVENTIONS, read_table, sealing, write_bytes, write_table
from underpainting.report import write_report
from underpainting.report.sheet import SHEET, Shown, contact_sheet, intervention_strip
from underpainting.study.environment import choose_device
from underpainting.study.folder import write_json
from underpainting.study.progress import Progress
from underpainting.uses.batch import Wanted, batch_table, read_wanted, wanted
from underpainting.uses.easel import MASK, Easel, check_plan, set_up
from underpainting.uses.experiment import (
    choose_plan,
    controls,
    distances,
    keep_examples,
    run_experiment,
    variations,
)
from underpainting.uses.intervene import Intervened, NoTarget, measure, paint_intervened
from underpainting.uses.kept import (
    Replayed,
    keep,
    name_of,
    paint_again,
    read_kept,
    read_own,
    request,
    require_free,
)
from underpainting.workflow.studies import probed, reopen

STILL_LIFE = "stilllife"


@dataclass(frozen=True)
class Batch:
    """What came of a batch: its folder, interventions by picture, and why others could not be made."""

    folder: Path
    made: Mapping[str, Intervened]
    left_out: Mapping[str, str]


def intervene(
    folder: Path,
    asked: Mapping[str, Any],
    edit: Mapping[str, Any] | None = None,
    *,
    mask: Path | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Intervened, Path]:
    """Paint one picture as it is and with edited activations; give what came of it, and the folder it is in.

    asked: settings of `Asked`. edit: those of a plan that are given; see `uses.intervene.plan_of`. mask: a
    picture file of what the object is to be. out: the folder to make; by default one in the study's
    `interventions` that is named by what is asked.

    Raises UnderpaintingError, before anything is loaded, where there is no target, a setting or the mask is
    none, the study has no probes of it, or the folder is taken; later where the picture has no object.
    """
    study = probed(folder)
    want = wanted(study, asked, edit or {}, mask)
    check_plan(study, ProbeSet.load(study.probes), want.plan)
    home = out or study.interventions / name_of(request(want.asked, want.plan, want.drawn))
    require_free(home)
    progress = progress or Progress()
    progress.start(2, 0)
    made = _paint(_seeing(folder), want, progress, progress.phase)
    keep(made, study, _strip(made), home)
    return made, home


def intervene_many(
    folder: Path,
    prompts: str,
    asked: Mapping[str, Any],
    edit: Mapping[str, Any] | None = None,
    *,
    masks: Path | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Batch:
    """Paint a file's pictures as they are and with edited activations, each in a folder of its own.

    See `uses.batch.read_wanted`. Beside the pictures' folders stand `scores.parquet` and contact sheets of
    `SHEET` pictures. Pictures that are there already are not painted again; those whose target does not exist
    are left out, and said. Raises UnderpaintingError as `intervene`, and where the folder holds another
    batch.
    """
    study = probed(folder)
    wants = read_wanted(study, prompts, asked, edit or {}, masks)
    probes = ProbeSet.load(study.probes)
    for want in wants:
        check_plan(study, probes, want.plan)
    about = {want.image: request(want.asked, want.plan, want.drawn) for want in wants}
    home = out or study.interventions / f"batch-{name_of(about)}"
    _begin(home, about)
    missing = [want for want in wants if not (home / want.image).is_dir()]
    progress = progress or Progress()
    progress.start(2 * len(wants), 2 * (len(wants) - len(missing)))
    left_out = {}
    easel = _seeing(folder) if missing else None
    progress.phase("painting")
    for want in missing:
        assert easel is not None
        try:
            made = _paint(easel, want, progress, lambda which: None)
        except (NoTarget, UnsoundPictures) as error:
            left_out[want.image] = str(error)
            progress.note(f"{want.image} is left out: {error}")
        else:
            keep(made, study, _strip(made), home / want.image)
    found = {want.image: read_kept(home / want.image) for want in wants if want.image not in left_out}
    if not found:
        raise UnderpaintingError(
            f"no picture of {prompts} could be made; the first: {next(iter(left_out.values()))}"
        )
    with sealing(home / "scores.parquet") as temporary:
        write_table(temporary, batch_table(found), BATCH)
    shown = [_shown(of) for of in found.values()]
    for number, start in enumerate(range(0, len(shown), SHEET), start=1):
        write_bytes(home / f"sheet-{number}.png", contact_sheet(shown[start : start + SHEET]))
    return Batch(home, found, left_out)


def replay(folder: Path, intervention: Path, progress: Progress | None = None) -> Replayed:
    """Paint a kept intervention again and compare, bit for bit.

    Raises UnderpaintingError, before anything is loaded, where the folder holds none or one of other probes.
    """
    study = probed(folder)
    kept, digest = read_own(intervention, study)
    progress = progress or Progress()
    progress.start(2, 0)
    easel = set_up(*reopen(folder))
    return paint_again(easel, kept, digest, tick=progress.advance, begin=progress.phase)


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
    progress, study = progress or Progress(), probed(folder)
    home, probes = study.interventions, ProbeSet.load(study.probes)
    given = make_plan({"last": min(5, probes.steps), **(settings or {}), "properties": (aim,)})
    check_plan(study, probes, given)
    easel = set_up(*reopen(folder))
    plan = given if settings else choose_plan(easel, aim, progress)
    easel.layers(plan)
    size: dict[str, int] = {"pictures": pictures, "trials": trials}
    if vary:
        varied = variations(easel, plan)
        table = run_experiment(easel, aim, plan, varied, home / aim / "vary", **size, progress=progress)
        with sealing(home / aim / "variations.parquet") as temporary:
            write_table(temporary, table, INTERVENTIONS)
        return interventions(table)
    run_experiment(easel, aim, plan, controls(easel, aim, plan), home / aim, **size, progress=progress)
    keep_examples(easel, aim, plan, home / aim, progress)
    progress.phase("writing the report")
    with sealing(home / aim / "frechet.json") as temporary:
        write_json(temporary, distances(home / aim))
    parts = sorted(home.glob("*/[0-9]*.parquet"))
    table = pa.concat_tables([read_table(part, INTERVENTIONS) for part in parts])
    with sealing(home / "scores.parquet") as temporary:
        write_table(temporary, table, INTERVENTIONS)
    write_report(folder)
    return interventions(table)


def _seeing(folder: Path) -> Easel:
    """A study's easel; where the study has no classifier but its model is the still life, with that one's."""
    study, workshop = reopen(folder)
    if workshop.classifier is None and study.config.model.name == STILL_LIFE:
        device = choose_device(study.config.run.device)
        workshop = replace(workshop, classifier=load_classifier(STILL_LIFE, device=device))
    return set_up(study, workshop)


def _paint(easel: Easel, want: Wanted, progress: Progress, begin: Callable[[str], None]) -> Intervened:
    drawn = want.drawn
    if drawn is not None and want.mask is not None:
        drawn = fit_mask(drawn, easel.workshop.model.size, want.mask)
    return paint_intervened(easel, want.asked, want.plan, drawn, tick=progress.advance, begin=begin)


def _begin(home: Path, about: Mapping[str, Any]) -> None:
    """Open a batch's folder, new or the same batch's. Raises UnderpaintingError where it is anything else."""
    card = home / "batch.json"
    if not card.is_file():
        require_free(home)
        with sealing(card) as temporary:
            write_json(temporary, about)
    elif json.loads(card.read_text(encoding="utf-8")) != about:
        raise UnderpaintingError(f"{home} holds another batch; name another folder by --out, or remove it")


def _strip(made: Intervened) -> bytes:
    maps = {
        name: (made.before.maps[name].numpy(), made.after.maps[name].numpy(), of.numpy())
        for name, of in made.target.items()
    }
    return intervention_strip(_shown(made), maps)


def _shown(made: Intervened) -> Shown:
    """What the strip and the contact sheet say of an intervention, and its pictures."""
    lines = [f"seed {made.asked.seed}: {made.asked.words}", made.plan.words]
    for name in made.plan.properties:
        before, after = made.scores[name, "target"]
        lines.append(f"{measure(name)} with the target {before:.2f}, edited {after:.2f}")
    if made.before.seen is not None:
        lines.append(f"class: {made.before.seen}, edited {made.after.seen}")
    mask = made.target.get(MASK)
    pictures = made.before.picture.numpy(), made.after.picture.numpy()
    return Shown(made.asked.prompt, lines, *pictures, None if mask is None else mask.numpy())
