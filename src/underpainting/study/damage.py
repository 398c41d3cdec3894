"""What is damaged or missing on a study's disk, and what making it again takes.

Damage is turned into absence, and what is absent is made again, to the same bytes, by going on with the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from underpainting.records import find_fault, remove
from underpainting.study.study import StudyFolder


@dataclass(frozen=True)
class Damage:
    """A file or folder that is not as it was written: where, what is wrong, and what a run would do."""

    path: Path
    problem: str
    remedy: str

    def __str__(self) -> str:
        """Where and what."""
        return f"{self.path}: {self.problem}"


def find_damage(study: StudyFolder) -> list[Damage]:
    """Check all that a run can make again against its checksums (opening a study has checked the rest).

    What is not made yet is no damage; what must be there because something later is, but is not, is.
    """
    return [*_shards(study), *_moments(study), *_choice(study), *_results(study)]


def repair(study: StudyFolder, found: Sequence[Damage]) -> None:
    """Remove what is damaged and what was made of it, so that a run makes it again."""
    if not found:
        return
    remove(study.scores_file)
    for damage in found:
        remove(damage.path)
    if any(damage.path in study.choice for damage in found):
        for path in study.choice:
            remove(path)


def _shards(study: StudyFolder) -> Iterator[Damage]:
    for shard in study.shards:
        needed = study.is_done or (study.probes_folder.exists() and shard.split != "test")
        needed = needed or (shard.split == "fit" and shard.number <= study.folded)
        remedy = f"its {len(shard.pictures)} pictures are made again"
        yield from _look(study.shard_folder(shard.number), needed, remedy)
        yield from _look(study.part_file(shard.number), False, remedy)


def _moments(study: StudyFolder) -> Iterator[Damage]:
    remedy = f"the {study.images['fit']} fit pictures are made again"
    needed = {study.totals_file} if study.probes_folder.exists() else set()
    for path in sorted({*study.through_files, *needed}):
        yield from _look(path, path in needed, remedy)


def _choice(study: StudyFolder) -> Iterator[Damage]:
    needed = study.probes_folder.exists() or study.is_done
    remedy = f"the {study.images['calibrate']} calibrate pictures are made again and the choice repeated"
    for path in study.choice:
        yield from _look(path, needed, remedy)


def _results(study: StudyFolder) -> Iterator[Damage]:
    remedy = "it is put together again from the test shards"
    yield from _look(study.gallery_folder, study.is_done, remedy)
    yield from _look(
        study.classification_file, study.is_done and study.config.labels.classifier is not None, remedy
    )
    for path in (study.scores_file, study.emergence_file, study.leads_file):
        yield from _look(path, False, remedy)


def _look(path: Path, needed: bool, remedy: str) -> Iterator[Damage]:
    if not path.exists():
        if needed:
            yield Damage(path, "missing", remedy)
    elif fault := find_fault(path):
        yield Damage(path, fault.removeprefix(f"{path}").lstrip("/: "), remedy)
