"""A diffusers pipeline from a folder of anyone's: its index is read first, and no code of the folder runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from inspect import isclass
from pathlib import Path
from types import ModuleType
from typing import Any

from underpainting.errors import UnderpaintingError
from underpainting.readers import read_json

INDEX = "model_index.json"
LIBRARIES = ("diffusers", "transformers")
OLDEST = (0, 42)
"""Of diffusers; older ones import what a folder's index names, and run a `None.py` that lies in it."""


def read_pipeline(
    folder: Path, file: Path | None = None, *, variant: str | None = None, **options: Any
) -> Any:
    """A diffusers pipeline as diffusers reads it, from a folder and safetensors only.

    file: holds the weights of all its networks, which are then not looked for in the folder.

    Its bar stays away where the hub's bars are turned off (HF_HUB_DISABLE_PROGRESS_BARS), as transformers'.
    Raises UnderpaintingError as `check_index`.
    """
    check_index(folder)
    import diffusers
    from diffusers.utils import logging
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled

    if are_progress_bars_disabled():
        logging.disable_progress_bar()
    if file is not None:
        kind = getattr(diffusers, read_index(folder)["_class_name"])
        return kind.from_single_file(str(file), config=str(folder), local_files_only=True, **options)
    pipelines: Any = diffusers.DiffusionPipeline
    return pipelines.from_pretrained(
        folder,
        variant=variant,
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=False,
        **options,
    )


def check_index(folder: Path) -> None:
    """Raise UnderpaintingError where a pipeline's index names anything but classes of known libraries.

    So it does where a part comes with code of its own, or where the diffusers that is installed would run
    code of a folder.
    """
    import diffusers

    version = diffusers.__version__
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise UnderpaintingError(
            f"diffusers {version} may run code that lies in a model's folder: install diffusers "
            f"{'.'.join(map(str, OLDEST))} or newer"
        )
    index = read_index(folder)
    whole = index.get("_class_name")
    if not (isinstance(whole, str) and _is_pipeline(getattr(diffusers, whole, None))):
        raise _refused(
            folder, f"its pipeline is {_shown(whole)}, which is no pipeline of diffusers {version}"
        )
    for part, kind in index.items():
        if isinstance(kind, list) and kind != [None, None]:
            _check_part(folder, part, kind)


def read_index(folder: Path) -> Mapping[str, Any]:
    """What a pipeline is made of. Raises UnderpaintingError where the folder's index is no JSON object."""
    return read_json(folder / INDEX, "index of a pipeline", "save it again")


def networks_of(folder: Path) -> dict[str, type]:
    """The classes of a pipeline's networks, by part, but for a safety checker's; the index is checked."""
    import torch

    kinds = {part: kind for part, kind in read_index(folder).items() if isinstance(kind, list) and all(kind)}
    kinds.pop("safety_checker", None)
    made = {part: getattr(_library(kind[0]), kind[1], None) for part, kind in kinds.items()}
    return {part: of for part, of in made.items() if isclass(of) and issubclass(of, torch.nn.Module)}


def _check_part(folder: Path, part: str, kind: list[Any]) -> None:
    if part.startswith("_") and all(isinstance(word, str) for word in kind):
        return  # of the index itself, such as the files that are not to be fetched
    if not (part.isidentifier() and len(kind) == 2 and all(isinstance(word, str) for word in kind)):
        raise _refused(folder, f"its part {part!r} is {_shown(kind)}, not a library and a class")
    library, name = kind
    home = _library(library)
    made = None if home is None else getattr(home, name.removeprefix("FlashPack"), None)
    is_class = isclass(made) and hasattr(made, "from_pretrained") and not _is_pipeline(made)
    is_gone = (
        home is not None and made is None and name.isidentifier()
    )  # for diffusers, which knows old names
    if not (is_class or is_gone):
        raise _refused(folder, f"its part {part!r} is {_shown(kind)}, no class of {' or '.join(LIBRARIES)}")
    if name.startswith("Auto") and needs_code(folder / part):
        raise _refused(folder, f"its part {part!r} needs code of its own (auto_map)")


def needs_code(folder: Path) -> bool:
    """Whether a configuration in a folder asks for code that lies beside it."""
    return any(
        '"auto_map"' in path.read_text(encoding="utf-8", errors="replace") for path in _configs(folder)
    )


def _configs(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*config.json") if path.is_file()]


def _library(name: str) -> ModuleType | None:
    """A library whose classes a pipeline may be made of, or a folder of diffusers' pipelines."""
    if name in LIBRARIES:
        return import_module(name)
    module = getattr(import_module("diffusers.pipelines"), name, None)
    is_own = isinstance(module, ModuleType) and module.__name__ == f"diffusers.pipelines.{name}"
    return module if is_own else None


def _is_pipeline(made: object) -> bool:
    from diffusers import DiffusionPipeline

    return isclass(made) and issubclass(made, DiffusionPipeline)


def _shown(value: object) -> str:
    return json.dumps(value)[:100]


def _refused(folder: Path, why: str) -> UnderpaintingError:
    return UnderpaintingError(
        f"cannot load a pipeline from {folder}: {why}; code that a folder brings or names never runs here"
    )
