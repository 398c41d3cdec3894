"""A pipeline out of its configurations and tokenizers alone: its networks have shapes and no weights."""

from pathlib import Path
from typing import Any

import torch

from underpainting.diffusion.adapters import adapter_for
from underpainting.diffusion.loading import source_of
from underpainting.diffusion.model import Model
from underpainting.diffusion.saved import check_numbers, lacking_vocabulary
from underpainting.diffusion.twins import split_twin
from underpainting.diffusion.weightless import configured
from underpainting.errors import UnderpaintingError
from underpainting.pipeline_folder import networks_of, read_pipeline
from underpainting.readers import refusing
from underpainting.weights import CONFIGS, is_repository


def load_shapes(name_or_folder: str | Path, *, torch_dtype: torch.dtype | None = None) -> Model:
    """A model that tells layers, grids, channels, tokens of prompts and bytes, and cannot make a picture.

    Names are as of `load`; weights are neither read nor asked for. A name's files may be what the command
    with `--include` fetches of it. Raises UnderpaintingError as `load`, and where a configuration is missing,
    with that command.
    """
    trained, _ = split_twin(name_or_folder)
    folder = source_of(trained, None, with_weights=False)[0]
    check_numbers(folder)
    dtype = torch_dtype or torch.float32
    named = str(trained) if is_repository(str(trained)) and not Path(trained).is_dir() else "OWNER/NAME"
    fetch = f"fetch what is no weights by `hf download {named} {CONFIGS}`"
    if lacking := _lacking(folder):
        raise UnderpaintingError(
            f"{folder} lacks {lacking}, by which a model is told without weights; {fetch}"
        )
    with refusing(f"cannot tell the layers of {name_or_folder} by the files in {folder}", fetch):
        networks = {part: _network(of, folder / part, dtype) for part, of in networks_of(folder).items()}
        pipe = read_pipeline(
            folder, **networks, dtype=dtype, safety_checker=None, requires_safety_checker=False
        )
    return Model(pipe, adapter_for(pipe, {}), name=str(name_or_folder))


def _lacking(folder: Path) -> str:
    """A configuration or vocabulary that is not there, which its library may make up; empty if none is."""
    for part in networks_of(folder):
        if not (folder / part / "config.json").is_file():
            return f"{part}/config.json"
    return lacking_vocabulary(folder)


def _network(kind: Any, folder: Path, dtype: torch.dtype) -> Any:
    """A network of a class by the configuration in a folder."""
    if hasattr(kind, "load_config"):  # of diffusers
        return configured(kind, kind.load_config(folder, local_files_only=True), dtype)
    return configured(kind, kind.config_class.from_pretrained(folder, local_files_only=True), dtype)
