"""What weights a study needs: whether they are here, where that was looked for, and what gets them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from underpainting import stilllife
from underpainting.observers.checkpoints import Checkpoint, TorchFile, find, hub_cache
from underpainting.observers.classifiers.vgg16 import VGG16
from underpainting.observers.estimators import CHECKPOINTS, TRACERS
from underpainting.observers.estimators.intrinsic import PAPER
from underpainting.observers.own import registered

Part = Literal["model", "estimator", "classifier"]
STABLE_DIFFUSION = "CompVis/stable-diffusion-v1-4"
KNOWN: dict[Part, tuple[Checkpoint | TorchFile, ...]] = {
    "model": (Checkpoint(STABLE_DIFFUSION, STABLE_DIFFUSION, 4_270_000_000, "CreativeML OpenRAIL-M"),),
    "estimator": (*(layout.weights for layout in TRACERS), *CHECKPOINTS, PAPER),
    "classifier": (VGG16,),
}
FOLDERS: dict[Part, str] = {"model": "pipeline", "estimator": "estimator", "classifier": "classifier"}


@dataclass(frozen=True)
class Needed:
    """One set of weights. where: the folder or file that was looked for. size: bytes, None if not known.

    command: what gets it, empty where nothing need or can be fetched.
    """

    part: Part
    name: str
    here: bool
    where: str
    size: int | None
    licence: str
    command: str


def known_needs() -> list[Needed]:
    """What everything needs that is known by name."""
    names = {part: ("stilllife", *(of.observer for of in known)) for part, known in KNOWN.items()}
    return [needed for part, of in names.items() for name in of for needed in needs(part, name)]


def needs(part: Part, name: str) -> list[Needed]:
    """What a model, estimator or classifier needs, by the name that a study's config gives it.

    Several estimators with commas between are told one by one. Nothing is loaded or downloaded.
    """
    if part == "estimator" and "," in name:
        return [needed for one in name.split(",") for needed in needs(part, one.strip())]
    if name == "stilllife":
        return [_folder(part, name, stilllife.folder() / FOLDERS[part], "Apache-2.0")]
    if Path(name).is_dir() or (Path(name).is_absolute() and ":" not in name):
        return [_folder(part, name, Path(name), "")]
    for known in KNOWN[part]:
        if isinstance(known, TorchFile) and name == known.observer:
            here, where = known.path.is_file(), str(known.path)
            return [Needed(part, name, here, where, known.size, known.licence, known.command)]
        if isinstance(known, Checkpoint) and name in (known.observer, known.repository):
            return [_of_hub(part, name, known.repository, known.size, known.licence)]
    if name.startswith("timm:"):
        return [_of_hub(part, name, "timm/" + name.removeprefix("timm:"), None, "")]
    own = registered(part, name)
    if own or (":" in name and part != "model"):
        module = (own.value if own else name).partition(":")[0]
        return [Needed(part, name, _importable(module), f"module {module}", None, "", "")]
    return [_of_hub(part, name, name.partition(":")[0], None, "")]


def _folder(part: Part, name: str, folder: Path, licence: str) -> Needed:
    here = folder.is_dir()
    size = sum(of.stat().st_size for of in folder.rglob("*") if of.is_file()) if here else None
    return Needed(part, name, here, str(folder), size, licence, "")


def _of_hub(part: Part, name: str, repository: str, size: int | None, licence: str) -> Needed:
    folder = find(repository)
    where = str(folder or hub_cache(repository))
    return Needed(part, name, folder is not None, where, size, licence, f"hf download {repository}")


def _importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
