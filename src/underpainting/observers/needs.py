"""What weights a study needs: whether they are here, where that was looked for, and what fetches them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from underpainting import stilllife
from underpainting.observers.classifiers.timm import timm_weights
from underpainting.observers.classifiers.vgg16 import VGG16
from underpainting.observers.estimators import CHECKPOINTS, TRACERS
from underpainting.observers.estimators.intrinsic import PAPER
from underpainting.observers.own import registered
from underpainting.weights import PIPELINES, Checkpoint, TorchFile, is_repository, lacking, pipeline

Part = Literal["model", "estimator", "classifier"]
KNOWN: dict[Part, tuple[Checkpoint | TorchFile, ...]] = {
    "model": PIPELINES,
    "estimator": (*(layout.weights for layout in TRACERS), *CHECKPOINTS, PAPER),
    "classifier": (VGG16,),
}
FOLDERS: dict[Part, str] = {"model": "pipeline", "estimator": "estimator", "classifier": "classifier"}


@dataclass(frozen=True)
class Needed:
    """One set of weights. where: the folder or file that was looked for. size: bytes, None if not known.

    command: what fetches it, empty where nothing need or can be fetched.
    """

    part: Part
    name: str
    here: bool
    where: str
    size: int | None
    licence: str
    command: str

    @property
    def line(self) -> str:
        """What to say of it where it is not here."""
        if self.command:
            return lacking(self.name, self.where, self.command, self.size, self.licence)
        return f"{self.name} is not here (looked for at {self.where}): put it there"


def known_needs() -> list[Needed]:
    """What everything needs that is known by name."""
    names = {part: ("stilllife", *(of.name for of in known)) for part, known in KNOWN.items()}
    return [needed for part, of in names.items() for name in of for needed in needs(part, name)]


def needs(part: Part, name: str) -> list[Needed]:
    """What a model, estimator or classifier needs, by the name that a study's config gives it.

    Several estimators with commas between are told one by one. Nothing is loaded or fetched.
    """
    if part == "estimator" and "," in name:
        return [needed for one in name.split(",") for needed in needs(part, one.strip())]
    if name == "stilllife":
        return [_folder(part, name, stilllife.folder() / FOLDERS[part], "Apache-2.0")]
    if Path(name).is_dir() or (Path(name).is_absolute() and ":" not in name):
        return [_folder(part, name, Path(name), "")]
    for known in KNOWN[part]:
        if name == known.name or (isinstance(known, Checkpoint) and name == known.repository):
            return [_weights(part, name, known)]
    if part == "classifier" and name.startswith("timm:"):
        return [_weights(part, name, timm_weights(name.removeprefix("timm:")))]
    own = registered(part, name)
    if own or (":" in name and part != "model"):
        module = (own.value if own else name).partition(":")[0]
        return [Needed(part, name, _importable(module), f"module {module}", None, "", "")]
    repository = name.partition(":")[0]
    if part == "estimator" or not is_repository(repository):
        return [_folder(part, name, Path(name), "")]
    return [_weights(part, name, pipeline(repository))]


def _folder(part: Part, name: str, folder: Path, licence: str) -> Needed:
    here = folder.is_dir()
    size = sum(of.stat().st_size for of in folder.rglob("*") if of.is_file()) if here else None
    return Needed(part, name, here, str(folder), size, licence, "")


def _weights(part: Part, name: str, of: Checkpoint | TorchFile) -> Needed:
    found = of.find()
    here, where = found is not None, str(found or of.path)
    return Needed(part, name, here, where, of.size, of.licence, of.command)


def _importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
