"""Saved models: `config.json` and `model.safetensors` in one folder, as diffusers keeps its own."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from underpainting.errors import UnderpaintingError, reason
from underpainting.pipeline_folder import needs_code
from underpainting.weights import Weights

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration in ``folder``.

    Raises UnderpaintingError where there is none, or where it is not a JSON object.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnderpaintingError(f"no {CONFIG} in {folder}: name a folder that holds a saved model") from None
    except ValueError as error:
        raise UnderpaintingError(f"{path} is not JSON ({error}): save the model again") from None
    if not isinstance(config, dict):
        raise UnderpaintingError(f"{path} does not hold a JSON object: save the model again")
    return config


def glance(folder: Path) -> dict[str, Any]:
    """The configuration in ``folder``, to tell by it what was saved there; empty where there is none."""
    try:
        return read_config(folder)
    except (UnderpaintingError, OSError):
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
    path = folder / WEIGHTS
    try:
        state: dict[str, torch.Tensor] = load_file(path)
        model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    except FileNotFoundError:
        raise UnderpaintingError(f"no {WEIGHTS} in {folder}: the weights are missing") from None
    except (SafetensorError, RuntimeError) as error:
        raise UnderpaintingError(f"{path} does not fit its configuration: {reason(error)}") from None
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def loading(weights: Weights, kind: str = "estimator") -> Iterator[Path]:
    """The folder of an estimator's or a classifier's weights, while another library loads it.

    Raises UnderpaintingError where it is missing, or whatever goes wrong in loading it: also where it needs
    code that lies beside its weights, which never runs.
    """
    folder = weights.require()
    try:
        yield folder
    except UnderpaintingError:
        raise
    except Exception as error:
        why = reason(error)
        if needs_code(folder):
            why = (
                "it needs code of its own (auto_map), which never runs here; write a class of yours that "
                f"loads it, and give that as 'module:Class' ({why})"
            )
        raise UnderpaintingError(f"{kind} {weights.name!r} in {folder} cannot be loaded: {why}") from None
