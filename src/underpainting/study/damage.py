"""What is damaged or missing on a study's disk, and what making it again takes.

Damage is turned into absence, and what is absent is made again, to the same bytes, by going on with the run.
What a person asked for beside the run (interventions, the report's title) is named, and left to that person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from underpainting.readers import read_json
from underpainting.records import find_faults, is_lost, remove
from underpainting.study.paths import FEATURES
from underpainting.study.sealed import ASK_AGAIN, TITLE_AGAIN
from underpainting.study.study import StudyFolder


@dataclass(frozen=True)
class Damage:
    """A file or folder that is not as it was written: where, what is wrong, what a run or a person would do.

    undone: all that a run removes to make it again; nothing where a run does not make it.
    """

    path: Path
    problem: str
    remedy: str
    undone: tuple[Path, ...] = ()

    def __str__(self) -> str:
        """Where and what."""
        return f"{self.path}: {self.problem}"


def find_damage(study: StudyFolder) -> list[Damage]:
    """Check all files of a study against their seals (opening it has checked what says which study it is).

    What is not made yet is no damage; what must be there because something later is, but is not, is.
    """
    if study.recorded() is None:
        return []
    if blocked := list(_blocked(study)):
        return blocked
    return [*_shards(study), *_moments(study), *_choice(study), *_results(study), *_beside(study)]


def repair(study: StudyFolder, found: Sequence[Damage]) -> None:
    """Remove what is damaged and what was made of it, so that a run makes it again."""
    for damage in found:
        for path in damage.undone:
            remove(path)


def _blocked(study: StudyFolder) -> Iterator[Damage]:
    """What stands where a folder of the study should be."""
    for path in (study.shards_folder, study.moments_folder, study.report_file.parent):
        if (path.exists() or path.is_symlink()) and not path.is_dir():
            yield Damage(path, "is no folder", "all that was in it is made again", (path, *study.outcomes))
    for path in (study.interventions_folder, study.seeds_folder):
        if (path.exists() or path.is_symlink()) and not path.is_dir():
            yield Damage(path, "is no folder", ASK_AGAIN)


def _shards(study: StudyFolder) -> Iterator[Damage]:
    implied = {shard.number for shard in study.implied}
    for shard in study.shards:
        folder, part = study.shard_folder(shard.number), study.part_file(shard.number)
        remedy, undone = f"its {len(shard.pictures)} pictures are made again", (folder, part, *study.outcomes)
        yield from _look(study, folder, shard.number in implied, remedy, undone)
        awaited = folder.exists() and not study.is_whole(shard)
        yield from _look(study, part, awaited, remedy, undone)


def _moments(study: StudyFolder) -> Iterator[Damage]:
    remedy = f"the {study.images['fit']} fit pictures are made again"
    needed = {study.totals_file} if study.phases_done else set()
    for path in sorted({*study.through_files, *needed}):
        yield from _look(study, path, path in needed, remedy, (path, *study.outcomes))


def _choice(study: StudyFolder) -> Iterator[Damage]:
    remedy = f"the {study.images['calibrate']} calibrate pictures are made again and the choice repeated"
    needed = study.phases_done > 1
    for path in study.choice:
        yield from _look(study, path, needed, remedy, (*study.choice, *study.outcomes))


def _results(study: StudyFolder) -> Iterator[Damage]:
    remedy, made = "it is put together again from the test shards", study.was_done
    classified = made and study.config.labels.classifier is not None
    yield from _look(study, study.gallery_folder, made, remedy, (study.gallery_folder, *study.outcomes))
    seen = study.classification_file
    yield from _look(study, seen, classified, remedy, (seen, *study.outcomes))
    yield from _look(study, study.scores_file, made, remedy, study.outcomes)
    _, *derived = study.outcomes
    for i, path in enumerate(derived):
        needed = any(later.is_file() for later in derived[i + 1 :]) or is_lost(path)
        yield from _look(study, path, needed, "it is made again from the scores", (path,))


def _beside(study: StudyFolder) -> Iterator[Damage]:
    """What was asked for beside the run."""
    if study.title_file.exists() or is_lost(study.title_file):
        yield from _look(study, study.title_file, True, TITLE_AGAIN, ())
    for home in (study.interventions_folder, study.seeds_folder):
        for path, fault in find_faults(home, study.origin_beside) if home.is_dir() else ():
            yield Damage(path, _words(path, fault), ASK_AGAIN)
    made = [path for aim in study.experiments for path in _experiment(study, aim)]
    for path in [*made, *([study.interventions_file] if made else [])]:
        if not path.exists() and not is_lost(path):
            yield Damage(path, "missing", ASK_AGAIN)


def _experiment(study: StudyFolder, aim: str) -> Iterator[Path]:
    """The files of an experiment that was carried to its end."""
    card = study.experiment_file(aim)
    yield card
    yield study.examples_file(aim)
    if study.fault(card) is None:
        pictures = read_json(card)["pictures"]
        for start in range(0, pictures, study.config.run.batch_size):
            part = study.experiment_part(aim, start)
            yield from (part, part.with_suffix(FEATURES))


def _look(
    study: StudyFolder, path: Path, needed: bool, remedy: str, undone: tuple[Path, ...]
) -> Iterator[Damage]:
    if not path.exists() and not path.is_symlink():
        if needed:
            yield Damage(path, "missing", remedy, undone)
    elif fault := study.fault(path):
        yield Damage(path, _words(path, fault), remedy, undone)


def _words(path: Path, fault: str) -> str:
    """What is wrong, without the path that a fault's line begins with."""
    return fault.removeprefix(f"{path}").lstrip("/: ")
