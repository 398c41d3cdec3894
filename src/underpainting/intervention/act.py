"""Acting on pictures: one, the same again, many beside their controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from underpainting.diffusion.devices import choose_device
from underpainting.errors import UnderpaintingError, UnsoundPictures
from underpainting.findings.interventions import Done, interventions
from underpainting.intervention.asked import NoTarget
from underpainting.intervention.drawing import SHEET, Shown, contact_sheet, intervention_strip
from underpainting.intervention.edit import make_edit
from underpainting.intervention.experiment import (
    beside,
    choose_edit,
    distances,
    keep_examples,
    run_experiment,
)
from underpainting.intervention.kept import (
    Replayed,
    keep,
    name_of,
    own_folder,
    paint_again,
    read_kept,
    read_own,
    request,
    require_free,
)
from underpainting.intervention.many import Wanted, batch_table, cautions, read_wanted, wanted
from underpainting.intervention.masks import fit_mask
from underpainting.intervention.painter import Painter, check_edit, set_up
from underpainting.intervention.picture import Intervened, measure, paint_intervened
from underpainting.intervention.trying import Comparison, compared, varied
from underpainting.observers.classifiers import load_classifier
from underpainting.progress import Progress
from underpainting.readers import read_json
from underpainting.records import (
    BATCH,
    INTERVENTIONS,
    clear_partial,
    is_lost,
    make_folder,
    only_run,
    require_whole,
    sealing,
    write_json,
    write_table,
)
from underpainting.study.cluster.job import Cluster
from underpainting.study.environment import load_trusted, reload
from underpainting.study.executors import Workers, count_workers, executor
from underpainting.study.paths import BATCH_CARD
from underpainting.study.sealed import ASK_AGAIN
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import OBJECT

STILL_LIFE = "stilllife"


@dataclass(frozen=True)
class Batch:
    """What came of a batch: its folder, interventions by picture, and why others could not be made."""

    folder: Path
    made: Mapping[str, Intervened]
    left_out: Mapping[str, str]


def intervene(
    study: StudyFolder,
    asked: Mapping[str, Any],
    edit: Mapping[str, Any] | None = None,
    *,
    mask: Path | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Intervened, Path]:
    """Paint one picture as it is and with edited activations; give what came of it, and the folder it is in.

    asked: settings of `Asked`. edit: those of an edit that are given; see `picture.edit_of`. mask: a
    picture file of what the object is to be. out: the folder to make; by default one in the study's
    `interventions` that is named by prompt and seed.

    Raises UnderpaintingError, before anything is loaded, where there is no target, a setting or the mask is
    none, the study has no probes of it, or the folder is taken; later where the picture has no object.
    """
    want = wanted(study, asked, edit or {}, mask)
    check_edit(study, study.probes, want.edit)
    home = out or own_folder(study, want.asked, want.edit, want.drawn)
    require_free(home)
    progress = progress or Progress()
    progress.start(2, 0)
    for line in cautions(study, [want]):
        progress.note(line)
    made = paint(seeing_painter(study), want, progress, progress.phase)
    keep(made, study, strip(made), home)
    return made, home


def intervene_many(
    study: StudyFolder,
    prompts: str,
    asked: Mapping[str, Any],
    edit: Mapping[str, Any] | None = None,
    *,
    masks: Path | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Batch:
    """Paint a file's pictures as they are and with edited activations, each in a folder of its own.

    See `many.read_wanted`. Beside the pictures' folders stand `scores.parquet` and contact sheets of
    `SHEET` pictures. Pictures that are there already are not painted again; those whose target does not exist
    are left out, and said. Raises UnderpaintingError as `intervene`, and where the folder holds another
    batch.
    """
    wants = read_wanted(study, prompts, asked, edit or {}, masks)
    probes = study.probes
    for want in wants:
        check_edit(study, probes, want.edit)
    about = {want.image: request(want.asked, want.edit, want.drawn) for want in wants}
    home = out or study.interventions_folder / f"batch-{name_of(about)}"
    _begin(study, home, about)
    missing = [want for want in wants if not (home / want.image).is_dir()]
    progress = progress or Progress()
    progress.start(2 * len(wants), 2 * (len(wants) - len(missing)))
    for line in cautions(study, missing):
        progress.note(line)
    left_out = {}
    painter = seeing_painter(study) if missing else None
    progress.phase("painting")
    for want in missing:
        assert painter is not None
        try:
            made = paint(painter, want, progress, lambda which: None)
        except (NoTarget, UnsoundPictures) as error:
            left_out[want.image] = str(error)
            progress.note(f"{want.image} is left out: {error}")
        else:
            keep(made, study, strip(made), home / want.image)
    found = {want.image: read_kept(home / want.image, study) for want in wants if want.image not in left_out}
    if not found:
        raise UnderpaintingError(
            f"no picture of {prompts} could be made; the first: {next(iter(left_out.values()))}"
        )
    with sealing(home / "scores.parquet", study.owner) as temporary:
        write_table(temporary, batch_table(found), BATCH)
    shown = [shown_as(of) for of in found.values()]
    for number, start in enumerate(range(0, len(shown), SHEET), start=1):
        with sealing(home / f"sheet-{number}.png", study.owner) as temporary:
            temporary.write_bytes(contact_sheet(shown[start : start + SHEET]))
    return Batch(home, found, left_out)


def replay(study: StudyFolder, intervention: Path, progress: Progress | None = None) -> Replayed:
    """Paint a kept intervention again and compare, bit for bit.

    Raises UnderpaintingError, before anything is loaded, where the folder holds none or one of other probes.
    """
    kept, digest = read_own(intervention, study)
    progress = progress or Progress()
    progress.start(2, 0)
    painter = set_up(study, reload(study))
    return paint_again(painter, kept, digest, tick=progress.advance, begin=progress.phase)


def experiment(
    study: StudyFolder,
    *,
    aim: str = OBJECT,
    pictures: int = 100,
    trials: int = 3,
    settings: Mapping[str, Any] | None = None,
    vary: bool = False,
    progress: Progress | None = None,
    workers: Workers = None,
    cluster: Cluster | None = None,
) -> list[Done]:
    """Score interventions on test pictures beside controls, and write `interventions/scores.parquet`.

    aim: the property whose maps are moved. settings: those of an edit; where none is given, the edit is
    chosen on calibrate pictures. vary: in place of controls, the edit at other strengths, until other steps,
    and without or with only one part of the network (in `interventions/AIM/variations.parquet`). workers,
    cluster: where trials are painted, as in `run_study`.

    Raises UnderpaintingError where the study is not done, has no such property, another experiment with that
    aim is there, or one is at work.
    """
    several = count_workers(workers, cluster, study.estimator)
    progress = progress or Progress()
    home, probes = study.interventions_folder, study.probes
    given = make_edit({"last": min(5, probes.steps), **(settings or {}), "properties": (aim,)})
    check_edit(study, probes, given)
    root = home / aim
    make_folder(root)
    with only_run(root):
        clear_partial(root)
        with executor(study, root, progress, load_trusted, several, cluster) as make:
            painter = set_up(study, reload(study))
            edit = given if settings else choose_edit(painter, aim, root, progress, make)
            painter.layers(edit)
            if vary:
                comparison = Comparison(aim, (edit,), varied, trials, "vary")
            else:
                comparison = Comparison(aim, (edit, *beside(study, aim, edit)), compared, trials)
            table = run_experiment(painter, comparison, root, pictures=pictures, progress=progress, make=make)
        if vary:
            with study.sealing(root / "variations.parquet") as temporary:
                write_table(temporary, table, INTERVENTIONS)
            return interventions(table)
        keep_examples(painter, aim, edit, progress)
        progress.phase("distances of distributions")
        with study.sealing(study.distances_file(aim)) as temporary:
            write_json(temporary, distances(study, root))
    parts = sorted(home.glob("*/[0-9]*.parquet"))
    table = pa.concat_tables([study.table(part, INTERVENTIONS) for part in parts])
    with study.sealing(study.interventions_file) as temporary:
        write_table(temporary, table, INTERVENTIONS)
    return interventions(table)


def seeing_painter(study: StudyFolder) -> Painter:
    """A study's painter; where it has no classifier but its model is the still life, with that one's."""
    loaded = reload(study)
    if loaded.classifier is None and study.config.model.name == STILL_LIFE:
        device = choose_device(study.config.run.device)
        loaded = replace(loaded, classifier=load_classifier(STILL_LIFE, device=device))
    return set_up(study, loaded)


def paint(painter: Painter, want: Wanted, progress: Progress, begin: Callable[[str], None]) -> Intervened:
    """Paint what is wanted, its mask fitted to the pictures' size; see `paint_intervened`."""
    drawn = want.drawn
    if drawn is not None and want.mask is not None:
        drawn = fit_mask(drawn, painter.loaded.model.size, want.mask)
    return paint_intervened(painter, want.asked, want.edit, drawn, tick=progress.advance, begin=begin)


def _begin(study: StudyFolder, home: Path, about: Mapping[str, Any]) -> None:
    """Open a batch's folder, new or the same batch's. Raises UnderpaintingError where it is anything else."""
    card = home / BATCH_CARD
    if not (card.exists() or is_lost(card)):
        require_free(home)
        with sealing(card, study.owner) as temporary:
            write_json(temporary, about)
        return
    require_whole(card, ASK_AGAIN, study.owner)
    if read_json(card, "card of a batch", "name another folder by --out") != about:
        raise UnderpaintingError(f"{home} holds another batch; name another folder by --out, or remove it")


def strip(made: Intervened) -> bytes:
    """A PNG of an intervention: see `intervention_strip`."""
    maps = {
        name: (made.before.maps[name].numpy(), made.after.maps[name].numpy(), of.numpy())
        for name, of in made.target.items()
    }
    return intervention_strip(shown_as(made), maps)


def shown_as(made: Intervened) -> Shown:
    """What the strip and the contact sheet say of an intervention, and its pictures."""
    lines = [f"seed {made.asked.seed}: {made.asked.words}", made.edit.words]
    for name in made.edit.properties:
        before, after = made.scores[name, "target"]
        lines.append(f"{measure(name)} with the target {before:.2f}, edited {after:.2f}")
    if made.before.seen is not None:
        lines.append(f"class: {made.before.seen}, edited {made.after.seen}")
    mask = made.target.get(OBJECT)
    pictures = made.before.picture.numpy(), made.after.picture.numpy()
    return Shown(made.asked.prompt, lines, *pictures, None if mask is None else mask.numpy())
