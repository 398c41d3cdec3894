"""A whole pipeline in one safetensors file, as checkpoints are shared; its configuration lies elsewhere."""

from pathlib import Path

import torch

from underpainting.errors import UnderpaintingError
from underpainting.readers import home_path, opened_tensors
from underpainting.weights import CONFIGS, pipeline


def single_file(name_or_folder: str | Path, variant: str | None) -> Path | None:
    """The file that a name stands for; None where it stands for none.

    Raises UnderpaintingError where a variant of it is asked for.
    """
    file = home_path(name_or_folder)
    if file.suffix != ".safetensors" or not file.is_file():
        return None
    if variant is not None:
        raise UnderpaintingError(f"{name_or_folder} is one file, which has no variants: give none")
    return file


def configuration_of(file: Path) -> Path:
    """The folder of the configuration that a file's pipeline is built with.

    It is that of the repository that diffusers names for the kind of checkpoint that the file's tensors say
    it is, in the hub's cache. Raises UnderpaintingError where it is not there, with what fetches it.
    """
    from diffusers.loaders.single_file_utils import fetch_diffusers_config

    with opened_tensors(file) as tensors:
        names = tensors.keys()
        shapes = {of: torch.empty(tensors.get_slice(of).get_shape(), device="meta") for of in names}
    known = pipeline(fetch_diffusers_config(shapes)["pretrained_model_name_or_path"])
    return known.require_files(
        CONFIGS, f"the configuration of {known.repository}, which {file.name} is built with,"
    )
