"""From a name, a folder or a loaded pipeline to a Model. Nothing is fetched (see `underpainting.weights`)."""

from pathlib import Path
from typing import Any

import torch

from underpainting import stilllife
from underpainting.diffusion.adapters import adapter_for
from underpainting.diffusion.compiled import require_hooks, say_uncompiled
from underpainting.diffusion.devices import checked_device
from underpainting.diffusion.model import Model
from underpainting.diffusion.saved import check_numbers, check_whole, lacking_vocabulary, variant_of
from underpainting.diffusion.single_file import configuration_of, single_file
from underpainting.diffusion.twins import split_twin
from underpainting.errors import UnderpaintingError
from underpainting.pipeline_folder import check_index, read_index, read_pipeline
from underpainting.readers import home_path, refusing
from underpainting.weights import CONFIGS, is_repository, pipeline


def load(
    name_or_folder: str | Path,
    *,
    device: str | torch.device | None = None,
    torch_dtype: torch.dtype | None = None,
    variant: str | None = None,
) -> Model:
    """Load a pipeline by its hub name, folder or file; `"stilllife"` is the one that ships with the package.

    A name of the hub is looked up in the hub's cache and never fetched: `hf download NAME` does that.
    variant: the kind of weights' files to read, such as `fp16`, where there are several or no plain ones.

    A file is one .safetensors that holds a whole pipeline, built with the configuration of the repository
    that diffusers names for it, which must be in the hub's cache.

    A name that ends in `:permuted` or `:fresh` gives the untrained twin of that pipeline: its denoiser's
    weights permuted, or drawn anew (see `underpainting.diffusion.twins`).

    Weights are read from safetensors only and kept in float32 unless `torch_dtype` says otherwise; the safety
    checker is left out, because a flagged picture comes back black and would be labelled so.

    Raises UnderpaintingError if the name, folder or file is no pipeline, its weights are missing or damaged
    or only of another variant, its configuration asks for more layers than any network has or is not here,
    its family has no adapter or needs more than prompts, or the device is not there.
    """
    trained, twin = split_twin(name_or_folder)
    target = None if device is None else checked_device(device)
    pipe = _read(trained, torch_dtype or torch.float32, variant)
    adapter = adapter_for(pipe, {})
    if target is not None:
        pipe.to(target)
    if twin is not None:
        twin(adapter.denoiser(pipe))
    return Model(pipe, adapter, name=str(name_or_folder))


def attach(pipe: Any, **arguments: Any) -> Model:
    """Make a Model of an already loaded diffusers pipeline, which stays as it is and where it is.

    arguments: of the pipeline's own call, for every run, such as negative_prompt="a cup",
    guidance_rescale=0.7, the image of a ControlNet or the ip_adapter_image of an IP-Adapter; see
    `Model.called_with`. A network that torch.compile compiled runs as it was written, which a warning says.

    Raises UnderpaintingError if the pipeline's family has no adapter, or needs more than prompts and these
    arguments, or takes no such argument.
    """
    adapter = adapter_for(pipe, arguments)
    require_hooks(adapter.denoiser(pipe))
    say_uncompiled(getattr(pipe, adapter.part))
    name = str(getattr(pipe, "name_or_path", "") or type(pipe).__name__)
    return Model(pipe, adapter, name).called_with(**arguments)


def _read(name_or_folder: str | Path, dtype: torch.dtype, variant: str | None) -> Any:
    """A diffusers pipeline out of one file, or out of the folder that a name stands for."""
    source, file = source_of(name_or_folder, variant)
    if file is None:
        _check_variant(name_or_folder, source, variant)
        if lacking := lacking_vocabulary(source):
            raise UnderpaintingError(f"{source} lacks {lacking}: fetch or save it again")
    check_numbers(source)
    with refusing(
        f"cannot load a pipeline from {name_or_folder}",
        "give the name or folder of a diffusers pipeline with all its weights in safetensors",
    ):
        options = {"dtype": dtype, "safety_checker": None, "requires_safety_checker": False}
        pipe = read_pipeline(source, file, variant=variant, **options)
    if file is None:
        check_whole(source, pipe, variant)
    return pipe


def source_of(
    name_or_folder: str | Path, variant: str | None, *, with_weights: bool = True
) -> tuple[Path, Path | None]:
    """The folder to hand to diffusers, its index checked, and the one file that has the weights, if any.

    with_weights: whether a name of the hub must have weights here; else any of its files.
    """
    file = single_file(name_or_folder, variant)
    source = configuration_of(file) if file else _folder(name_or_folder, variant, with_weights)
    check_index(source)
    return source, file


def _folder(name_or_folder: str | Path, variant: str | None, with_weights: bool) -> Path:
    """The folder that a name stands for."""
    if str(name_or_folder) == "stilllife":
        folder = stilllife.folder() / "pipeline"
        if not (folder / "model_index.json").is_file():
            raise UnderpaintingError(
                "the bundled still life has no pipeline: reinstall the package, or train it with studio/"
            )
        return folder
    folder = home_path(name_or_folder)
    if folder.is_file():
        raise UnderpaintingError(
            f"{name_or_folder} is a file: give the folder of a diffusers pipeline, or a .safetensors"
        )
    if not folder.is_dir():
        name = str(name_or_folder)
        if isinstance(name_or_folder, Path) or folder.is_absolute() or name.startswith((".", "~")):
            raise UnderpaintingError(f"no folder {name}: give the folder of a diffusers pipeline")
        if not is_repository(name):
            raise UnderpaintingError(
                f"no pipeline {name!r}: it is no folder here, and names of the hub are OWNER/NAME"
            )
        known = pipeline(name, variant)
        folder = known.require() if with_weights else known.require_files(CONFIGS)
    if not (folder / "model_index.json").is_file():
        raise UnderpaintingError(
            f"folder {folder} is not a diffusers pipeline: it has no model_index.json; give a folder written "
            "by save_pretrained"
        )
    return folder


def _check_variant(name: str | Path, folder: Path, variant: str | None) -> None:
    """Raise UnderpaintingError where the networks' weights are not in files of the variant that is asked for.

    A network may lack the variant where others have it, as diffusers has it.
    """
    kept = _variants(folder)
    if missing := [part for part, variants in kept.items() if not variants]:
        raise UnderpaintingError(
            f"cannot load a pipeline from {name}: no safetensors of its {', '.join(missing)} in {folder}; "
            "fetch or save it again"
        )
    known = sorted({of for variants in kept.values() for of in variants if of})
    if variant is None:
        lacking = [part for part, variants in kept.items() if "" not in variants]
        if lacking:
            raise UnderpaintingError(
                f"{name} has the weights of its {', '.join(lacking)} only as variant {' and '.join(known)}: "
                f'give variant="{known[0]}", or --variant {known[0]} on the command line'
            )
    elif variant not in known:
        raise UnderpaintingError(
            f"{name} has no weights of variant {variant!r}; "
            + (f"known are {', '.join(known)}" if known else "give none")
        )


def _variants(folder: Path) -> dict[str, set[str]]:
    """The variants of its weights, the plain one as "", by each network of a pipeline in a folder."""
    parts = [name for name, kind in read_index(folder).items() if isinstance(kind, list) and any(kind[:1])]
    return {
        part: {variant_of(file) for file in (folder / part).glob("*.safetensors")}
        for part in parts
        if part != "safety_checker" and (folder / part / "config.json").is_file()
    }
