"""A study to the Hugging Face hub and back."""

from __future__ import annotations

from pathlib import Path

from underpainting.errors import UnderpaintingError
from underpainting.hub import fetch, upload
from underpainting.records import write_bytes
from underpainting.report.card import about_study, study_card
from underpainting.study.damage import find_damage
from underpainting.study.study import StudyFolder, check_free, open_study


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
        about = about_study(study)
        return study.probes.push_to_hub(repository, about=about, private=private)
    write_bytes(study.folder / "README.md", study_card(study, repository).encode())
    return upload(study.folder, repository, "dataset", private=private, message="Upload study")


def pull(repository: str, folder: Path, *, revision: str | None = None) -> StudyFolder:
    """Fetch a study from the Hugging Face hub into a folder, and check it.

    Raises UnderpaintingError where the folder is taken, the hub has no such study, or it is damaged.
    """
    check_free(folder)
    fetch(repository, "dataset", revision=revision, local_dir=folder)
    study = open_study(folder)
    if damage := find_damage(study):
        raise UnderpaintingError(f"{damage[0]}; remove {folder} and fetch it again")
    return study
