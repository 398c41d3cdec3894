"""Saved models: `config.json` and `model.safetensors` in one folder, as diffusers keeps its own."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor, nn

from underpainting.errors import UnderpaintingError
from underpainting.pipeline_folder import needs_code
from underpainting.readers import read_json, read_tensors, refusing, sha256_file, why
from underpainting.weights import Weights

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration in ``folder``. Raises UnderpaintingError where there is none, or no JSON object."""
    return read_json(folder / CONFIG, "configuration", "name a folder that holds a saved model")


def glance(folder: Path) -> dict[str, Any]:
    """The configuration in ``folder``, to tell by it what was saved there; empty where there is none."""
    try:
        return read_config(folder)
    except UnderpaintingError:
        return {}


def save_model(model: nn.Module, config: dict[str, Any], folder: Path) -> None:
    """Saves the weights in float16 with their configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    halves = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    save_file({k: v.contiguous() for k, v in halves.items()}, folder / WEIGHTS)


def load_weights(model: nn.Module, folder: Path) -> str:
    """Fills ``model`` (float32) from ``folder`` and returns the SHA-256 of the weights' file.

    Raises UnderpaintingError where the file is missing, damaged or of another architecture.
    """
    path, remedy = folder / WEIGHTS, "save the model again"
    fill(model, read_tensors(path, "file of weights", remedy), f"{path} does not fit its {CONFIG}", remedy)
    return sha256_file(path)


def fill(model: nn.Module, state: Mapping[str, Tensor], what: str, remedy: str) -> None:
    """Give a network the weights of a file, all of them and no others.

    what: begins the line. Raises UnderpaintingError where a weight is missing, unknown, of another shape or
    kind of number, or not finite.
    """
    own = model.state_dict()
    with refusing(what, remedy):
        differing = sorted(own.keys() ^ state.keys()) or [k for k in own if own[k].shape != state[k].shape]
        if differing:
            raise ValueError(f"{len(differing)} weights differ, {differing[0]} first")
        for name, wanted in own.items():
            given = state[name]
            if given.is_floating_point() != wanted.is_floating_point() or not bool(given.isfinite().all()):
                raise ValueError(f"its {name} holds no finite numbers of the kind of {wanted.dtype}")
        model.load_state_dict(state)


@contextmanager
def loading(weights: Weights) -> Iterator[Path]:
    """The folder or file of an observer's weights, while another library loads it.

    Raises UnderpaintingError where it is missing, or whatever goes wrong in loading it: also where it needs
    code that lies beside its weights, which never runs.
    """
    path = weights.require()
    what = f"{weights.name!r} in {path} cannot be loaded"
    try:
        with refusing(what, "fetch or save it again"):
            yield path
    except UnderpaintingError as error:
        if error.__cause__ is None or not needs_code(path):
            raise
        raise UnderpaintingError(
            f"{what}: it needs code of its own (auto_map), which never runs here; write a class of yours "
            f"that loads it, and give that as 'module:Class' ({why(error.__cause__)})"
        ) from None
