"""A study to the Hugging Face hub and back."""

from __future__ import annotations

from pathlib import Path
from shutil import disk_usage, rmtree
from typing import Any

from underpainting.errors import UnderpaintingError
from underpainting.hub import HIDDEN, fetch, sizes, upload
from underpainting.progress import Progress
from underpainting.records import write_bytes
from underpainting.report import write_report
from underpainting.report.card import about_study, hub_results, study_card
from underpainting.study.damage import find_damage
from underpainting.study.paths import BEGUN, CONFIG, check_free, is_data
from underpainting.study.study import StudyFolder, open_study
from underpainting.weights import readable

MOST = 10e9
"""Bytes that are fetched without being asked about."""


def push(
    study: StudyFolder, repository: str, *, probes_only: bool = False, private: bool | None = None
) -> str:
    """Upload a study that is done to the Hugging Face hub, a data set with a card, and give its address.

    probes_only: its probes alone, a model with a card. Raises UnderpaintingError where the study is not done,
    something of it is damaged, or the hub refuses.
    """
    if damage := find_damage(study):
        raise UnderpaintingError(f"{damage[0]}; {study.remade}")
    if probes_only:
        told: dict[str, Any] = {"about": about_study(study), "results": hub_results(study)}
        return study.probes.push_to_hub(repository, private=private, **told)
    write_bytes(study.folder / "README.md", study_card(study, repository).encode())
    begun = f"seeds/{BEGUN}*"
    return upload(
        study.folder, repository, "dataset", private=private, message="Upload study", without=[begun]
    )


def pull(
    repository: str,
    folder: Path,
    *,
    revision: str | None = None,
    most: float | None = MOST,
    progress: Progress | None = None,
) -> StudyFolder:
    """Fetch a study from the Hugging Face hub into a folder, check it, and write its report where it is done.

    Only data is taken, by the names that a study's files have; whatever else the repository holds stays
    there, its own report's page too. most: bytes that may be fetched; None is any number.

    Raises UnderpaintingError where the folder is taken, the hub has no such study, it is larger than that or
    than the disk, or it is damaged.
    """
    check_free(folder)
    progress = progress or Progress()
    wanted = {
        name: size for name, size in sizes(repository, "dataset", revision=revision).items() if is_data(name)
    }
    if CONFIG not in wanted:
        raise UnderpaintingError(f"{repository} holds no study (no {CONFIG}); name the data set of one")
    _require_room(repository, folder, sum(wanted.values()), most)
    progress.note(f"fetching {len(wanted)} files, {readable(sum(wanted.values()))}")
    tops = sorted({name.partition("/")[0] for name in wanted})
    patterns = [pattern for top in tops for pattern in (top, f"{top}/*")]
    fetch(
        repository,
        "dataset",
        only=patterns,
        ignore_patterns=list(HIDDEN),
        revision=revision,
        local_dir=folder,
    )
    _keep_data(folder)
    study = open_study(folder)
    if damage := find_damage(study):
        raise UnderpaintingError(f"{damage[0]}; remove {folder} and fetch it again")
    if study.is_done:
        progress.phase("writing the report")
        write_report(study)
    return study


def _require_room(repository: str, folder: Path, size: int, most: float | None) -> None:
    if most is not None and size > most:
        raise UnderpaintingError(
            f"{repository} takes {readable(size)}, more than {readable(int(most))}; give --yes to go on"
        )
    home = next(parent for parent in folder.absolute().parents if parent.exists())
    if size > (free := disk_usage(home).free):
        raise UnderpaintingError(
            f"{repository} takes {readable(size)}, and {home} has {readable(free)} left; free some, or name "
            "another folder"
        )


def _keep_data(folder: Path) -> None:
    """Remove what is no data of a study, links, which may lead anywhere, and the hub's own cache."""
    rmtree(folder / ".cache", ignore_errors=True)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_symlink() or not (path.is_dir() or is_data(path.relative_to(folder).as_posix())):
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
