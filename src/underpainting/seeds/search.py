"""Searching seeds: many are begun, the best predicted go on from where they are, few are finished."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from underpainting.errors import UnderpaintingError
from underpainting.intervention.kept import name_of
from underpainting.progress import Progress
from underpainting.records import clear_partial, make_folder, only_run
from underpainting.seeds.begun import Begun, begun_folder
from underpainting.seeds.lessons import Lesson, calibrate_labels, calibrate_rows, lessons, taught
from underpainting.seeds.noise import fit_noise, unseen
from underpainting.seeds.predict import ByEstimator, ByProbes, Predictor
from underpainting.seeds.race import Race
from underpainting.seeds.searched import Searched, keep_searched, read_searched
from underpainting.seeds.shown import sheets
from underpainting.seeds.variance import worth
from underpainting.seeds.wanted import layout_of
from underpainting.seeds.wish import Wish, require_probes
from underpainting.seeds.wording import checked_seeds, parse_wishes
from underpainting.study.cluster.job import Cluster
from underpainting.study.environment import Loaded, load_trusted, reload
from underpainting.study.executors import Workers, count_workers, executor
from underpainting.study.request.suited import about_words
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import listed

READS = ("probe", "estimator", "noise")


def search(
    study: StudyFolder,
    prompt: str,
    wishes: Sequence[Any],
    *,
    seeds: Sequence[int],
    finish: int = 4,
    read: str = "probe",
    out: Path | None = None,
    progress: Progress | None = None,
    workers: Workers = None,
    cluster: Cluster | None = None,
) -> Searched:
    """Find, of a prompt's seeds, those whose pictures are as wished for; finish these alone.

    wishes: as `parse_wishes` takes them. finish: how many pictures are made to their end. read: what
    predicts, of `READS`: probes, the estimator on the decoded clean prediction, or a linear map of the
    initial noise, by which no seed is begun that is not finished. out: the folder to make; by default one in
    the study's `seeds`, named by what is asked. workers, cluster: where seeds are denoised, as in
    `run_study`.

    All seeds are denoised up to the first of `cuts`; which go on is up to `going_on`, cut after cut, until
    no more are left than are to be finished. Every batch is kept as it is made (see `Begun`), so that the
    same search goes on where it was stopped, and any other of the prompt takes up what there is. A folder
    that holds the same search already is read.

    Raises UnderpaintingError, before anything is loaded, where a wish or the seeds are none, more are to be
    finished than there are, the study is not done or has no probes of what is wished for, or the folder holds
    anything else; later where no picture could be finished.
    """
    progress = progress or Progress()
    several = count_workers(workers, cluster, study.estimator)
    chosen = checked_seeds(seeds, "given")
    if not 1 <= finish <= len(chosen):
        raise UnderpaintingError(
            f"{finish} pictures are to be finished of {len(chosen)} seeds: give a number from 1 to "
            f"{len(chosen)}, or more seeds"
        )
    if read not in READS:
        raise UnderpaintingError(f"--read {read}: seeds are read by {listed([*READS])}")
    study.require_done()
    for caution in about_words(study.config, [prompt]):
        progress.note(caution)
    probes, load = study.probes, cache(lambda: reload(study))
    wish = parse_wishes(wishes, lambda name: layout_of(study, load, name))
    require_probes(wish, probes.properties, str(study.folder))
    asked = {"prompt": prompt, "wish": wish.words, "seeds": chosen, "finish": finish, "read": read}
    home = out or study.seeds_folder / f"search-{name_of(asked)}"
    if (done := read_searched(home, study, asked)) is not None:
        progress.note(f"{home} holds this search already: nothing is made again")
        return done
    if line := not_worth(study, wish):
        progress.note(line)
    root = begun_folder(study, prompt)
    make_folder(root)
    with only_run(study.seeds_folder):
        clear_partial(root)
        with executor(study, root, progress, load_trusted, several, cluster) as make:
            loaded = load()
            begun = Begun(study, loaded, probes, prompt, progress, make)
            predict, learnt = _learn(read, wish, study, loaded, progress)
            race = Race(begun, predict, wish, learnt, finish)
            race.run(chosen)
        searched = Searched(home, asked, race.sorted_rows(), race.cost(chosen), tuple(race.cuts.values()))
        keep_searched(searched, study, race.pictures, sheets(race))
    return searched


def _learn(
    read: str, wish: Wish, study: StudyFolder, loaded: Loaded, progress: Progress
) -> tuple[Predictor, dict[int, Lesson]]:
    """What predicts, and what calibrate pictures teach of it at every cut."""
    probes = study.probes
    labels = calibrate_labels(study, probes.properties)
    if read != "noise":
        predict: Predictor = ByEstimator(loaded) if read == "estimator" else ByProbes(probes)
        return predict, lessons(wish, predict, taught(study, loaded, probes, progress), labels)
    by_noise = fit_noise(study, probes.properties, loaded.model)
    before = unseen(loaded.model, [row.seed for row in calibrate_rows(study)])
    learnt = lessons(wish, by_noise, [before], labels)
    if not learnt[0].slope:
        progress.note("the noise foretold nothing of this wish on calibrate pictures: seeds go by chance")
    return by_noise, learnt


def not_worth(study: StudyFolder, wish: Wish) -> str | None:
    """What to say where the study was asked what seeds decide, and that is little of all that is wished."""
    decided = [worth(study, quantity) for quantity in wish.quantities]
    if not decided or any(of is None or of.pays is not False for of in decided):
        return None
    shares = [
        f"{100 * of.other_seed if of.deviation > 0 else 0:.0f} % of {quantity}"
        for quantity, of in zip(wish.quantities, decided, strict=True)
        if of is not None
    ]
    return f"not worth it here: another seed changes only {listed(shares)}"
