"""From a name, a folder or a loaded pipeline to a Model."""

from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from safetensors import SafetensorError

from underpainting import stilllife
from underpainting.diffusion.adapters import adapter_for
from underpainting.diffusion.model import Model
from underpainting.diffusion.twins import split_twin
from underpainting.errors import UnderpaintingError


def load(
    name_or_folder: str | Path,
    *,
    device: str | torch.device | None = None,
    torch_dtype: torch.dtype | None = None,
) -> Model:
    """Load a pipeline by its hub name or folder; `"stilllife"` is the one that ships with the package.

    A name that ends in `:permuted` or `:fresh` gives the untrained twin of that pipeline: its denoiser's
    weights permuted, or drawn anew (see `underpainting.diffusion.twins`).

    Weights are read from safetensors only and kept in float32 unless `torch_dtype` says otherwise; the safety
    checker is left out, because a flagged picture comes back black and would be labelled so.

    Raises UnderpaintingError if the name or folder is no pipeline, its weights are missing or damaged, its
    family has no adapter, or the device is not there.
    """
    trained, twin = split_twin(name_or_folder)
    source = _source(trained)
    target = None if device is None else _device(device)
    pipelines: Any = DiffusionPipeline
    try:
        pipe = pipelines.from_pretrained(
            source,
            dtype=torch_dtype or torch.float32,
            use_safetensors=True,
            safety_checker=None,
            requires_safety_checker=False,
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UnderpaintingError(
            f"cannot load a pipeline from {name_or_folder}: {reason[:300]}; give the name or folder of a "
            "diffusers pipeline with all its weights in safetensors"
        ) from error
    if target is not None:
        pipe.to(target)
    adapter = adapter_for(pipe)
    if twin is not None:
        twin(adapter.denoiser(pipe))
    return Model(pipe, adapter, name=str(name_or_folder))


def attach(pipe: Any) -> Model:
    """Make a Model of an already loaded diffusers pipeline, which stays as it is and where it is.

    Raises UnderpaintingError if the pipeline's family has no adapter.
    """
    adapter = adapter_for(pipe)
    return Model(pipe, adapter, name=str(getattr(pipe, "name_or_path", "") or type(pipe).__name__))


def _source(name_or_folder: str | Path) -> str:
    """The folder or hub name to hand to diffusers."""
    if str(name_or_folder) == "stilllife":
        folder = stilllife.folder() / "pipeline"
        if not (folder / "model_index.json").is_file():
            raise UnderpaintingError(
                "the bundled still life has no pipeline: reinstall the package, or train it with studio/"
            )
        return str(folder)
    folder = Path(name_or_folder).expanduser()
    if folder.is_dir():
        if not (folder / "model_index.json").is_file():
            raise UnderpaintingError(
                f"folder {name_or_folder} is not a diffusers pipeline: it has no model_index.json; give a "
                "folder written by save_pretrained"
            )
        return str(folder)
    if folder.exists():
        raise UnderpaintingError(f"{name_or_folder} is a file: give the folder of a diffusers pipeline")
    if isinstance(name_or_folder, Path) or folder.is_absolute() or str(name_or_folder).startswith((".", "~")):
        raise UnderpaintingError(f"no folder {name_or_folder}: give the folder of a diffusers pipeline")
    return name_or_folder


def _device(device: str | torch.device) -> torch.device:
    """The device, or an error if this machine or this torch does not have it."""
    try:
        target = torch.device(device)
        torch.empty(0, device=target)
    except (RuntimeError, AssertionError, AttributeError) as error:
        raise UnderpaintingError(
            f"device {device} is not available ({str(error).splitlines()[0]}): use cpu, or cuda where there "
            "is one"
        ) from error
    return target
