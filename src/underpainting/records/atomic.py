"""Files and folders that are either whole or not there; `records.seals` proves that they are."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from underpainting.errors import UnderpaintingError, refusal
from underpainting.readers import checked_path

HIDDEN = "."  # how names of what is half written begin
_SUFFIX = ".partial"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what a disk refuses inside the block into one line that names `path`."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        if (why := refusal(error)) is None:
            raise
        raise UnderpaintingError(
            f"{path} cannot be written: {why}, then give the same command again"
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder to write to; on leaving, flush it and rename it to `path`.

    An error inside the block leaves `path` as it was. Readers see the old or the new, nothing between. Raises
    UnderpaintingError where the disk is full or may not be written to.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_of(path)
        try:
            yield temporary
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder if it is not there. Raises UnderpaintingError as `replacing`."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)


def require_makeable(folder: Path, remedy: str) -> None:
    """Raise UnderpaintingError where a folder is not there and cannot be made."""
    home = next(home for home in (checked_path(folder), *folder.absolute().parents) if home.exists())
    if not (home.is_dir() and os.access(home, os.W_OK)):
        raise UnderpaintingError(f"{folder} cannot be made in {home}; {remedy}")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file atomically, making its folder if missing."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON for reading by people and programs; call where the path is a temporary one."""
    path.write_bytes(json_bytes(data))


def json_bytes(data: Mapping[str, Any]) -> bytes:
    """What `write_json` writes."""
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode()


def clear_partial(folder: Path) -> None:
    """Remove what a killed `replacing` or `atomic_folder` left directly in a folder.

    What safetensors was writing goes too (`.tmp...`). Only when nothing is writing there.
    """
    with writing(folder):
        for left in [*folder.glob(f".*{_SUFFIX}"), *folder.glob(".tmp*")]:
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()


def temporary_of(path: Path) -> Path:
    """A name beside a path for what is being written; `clear_partial` knows it."""
    return path.with_name(f"{HIDDEN}{path.name}.{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}")


def sync(path: Path) -> None:
    """Flush a file or folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
