"""What files hold, or one line about why that cannot be read: one function for each kind of file.

A file may hold anything: whatever a library raises over it becomes one line, `FILE is no readable KIND: why;
what to do`. Only plain files are opened, for a pipe or a device may never end.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import stat
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from underpainting.errors import UnderpaintingError, reason

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

LONGEST, LONGEST_TOML = 1 << 28, 1_000_000  # bytes of a text file, of one that a person writes
AGAIN = "put it back, or make it again"


@contextmanager
def refusing(what: str, remedy: str) -> Iterator[None]:
    """Turn whatever goes wrong inside the block into one line: what, why, and the remedy.

    For blocks that do nothing but take in what somebody else made, which may also panic (Rust) or leave. An
    UnderpaintingError and a stop by Ctrl-C pass as they are.
    """
    try:
        yield
    except (UnderpaintingError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        raise UnderpaintingError(f"{what}: {why(error)}; {remedy}") from error


@contextmanager
def reading(path: Path, kind: str, remedy: str = AGAIN) -> Iterator[None]:
    """Turn whatever goes wrong inside the block, where a file is read or taken apart, into one line.

    kind: what the file should be. Raises UnderpaintingError, also where there is no plain file.
    """
    with refusing(f"{path} is no readable {kind}", remedy):
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise ValueError("it is a folder" if stat.S_ISDIR(mode) else "it is no plain file")
        yield


def why(error: BaseException) -> str:
    """Why something could not be read, to stand inside a line."""
    match error:
        case FileNotFoundError():
            return "it is not there"
        case OSError(strerror=str() as said):
            return said[:1].lower() + said[1:]
        case UnicodeDecodeError():
            return "it is not text in UTF-8"
        case RecursionError():
            return "it is nested too deeply"
        case MemoryError():
            return "it is larger than the memory"
        case pickle.UnpicklingError():
            return "it is damaged, or holds code, which is never run"
        case ValueError() if "integer string conversion" in str(error):
            return "it holds a number of too many digits"
        case ValueError() if callable(faults := getattr(error, "errors", None)):  # pydantic's
            fault = faults(include_url=False)[0]
            place = ".".join(map(str, fault["loc"]))
            return f"{place}{': ' * bool(place)}{fault['msg'].removeprefix('Value error, ')}"
        case KeyError(args=[name]):
            return f"it lacks {name!r}"
        case ValueError() | SafetensorError() if str(error):
            return " ".join(reason(error).split()[1:])
    return reason(error)


def checked_path(path: str | Path) -> Path:
    """A path that a person gave. Raises UnderpaintingError where no file or folder can be looked up by it.

    What is merely not there passes.
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        raise UnderpaintingError(f"{path} cannot be looked up: {why(error)}; give another path") from None
    return Path(path)


def home_path(path: str | Path) -> Path:
    """As `checked_path`, of a path whose first part may be ~."""
    return checked_path(os.path.expanduser(path))


def read_text(path: Path, kind: str = "text", remedy: str = AGAIN, longest: int = LONGEST) -> str:
    """The text of a file in UTF-8. Raises UnderpaintingError where it is none, as every function here."""
    with reading(path, kind, remedy):
        if (size := path.stat().st_size) > longest:
            raise ValueError(f"it has {size} bytes")
        return path.read_text(encoding="utf-8")


def read_json(path: Path, kind: str = "JSON file", remedy: str = AGAIN) -> dict[str, Any]:
    """The JSON object of a file."""
    with reading(path, kind, remedy):
        data = json.loads(read_text(path, kind, remedy))
        if not isinstance(data, dict):
            raise ValueError("it holds no JSON object")
        return data


def read_toml(path: Path, kind: str = "TOML file", remedy: str = AGAIN) -> dict[str, Any]:
    """The tables and keys of a TOML file."""
    with reading(path, kind, remedy):
        return tomllib.loads(read_text(path, kind, remedy, LONGEST_TOML))


@contextmanager
def opened_tensors(path: Path, kind: str = "safetensors file", remedy: str = AGAIN) -> Iterator[Any]:
    """An open safetensors file, as `safetensors.safe_open` gives it, for tensors of torch."""
    with reading(path, kind, remedy), safe_open(path, framework="pt") as file:
        yield file


def read_tensors(path: Path, kind: str = "safetensors file", remedy: str = AGAIN) -> dict[str, Tensor]:
    """All tensors of a safetensors file, by name."""
    with opened_tensors(path, kind, remedy) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)


def read_state(path: Path, kind: str = "checkpoint", remedy: str = AGAIN) -> dict[str, Tensor]:
    """The tensors of a checkpoint that torch saved, by name; code in it is refused, not run."""
    import torch

    with reading(path, kind, remedy):
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, Mapping):
            raise ValueError(f"it holds a {type(state).__name__}, not tensors by name")
        return {_name(name): _plain(name, value) for name, value in state.items()}


def read_array(path: Path, kind: str = "array", remedy: str = AGAIN) -> NDArray[Any]:
    """The array of a `.npy` file, which is as long as its header says; pickled objects in it are refused."""
    import numpy as np

    with reading(path, kind, remedy):
        return np.array(np.lib.format.open_memmap(path, mode="r"))


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. Errors are the system's."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise ValueError(f"a tensor of it is named by {type(name).__name__}, not by a text")
    return name


def _plain(name: str, value: object) -> Tensor:
    """A tensor whose numbers are all in the file."""
    import torch

    if not isinstance(value, torch.Tensor):
        raise ValueError(f"its {name} is a {type(value).__name__}, not a tensor")
    odd = value.is_nested or value.is_quantized or value.is_meta or value.is_complex()
    if odd or value.layout is not torch.strided:
        raise ValueError(f"its {name} is sparse, nested, quantised, complex or without numbers")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise ValueError(f"its {name} claims to be {list(value.shape)}, more than the file holds")
    return value.detach()
