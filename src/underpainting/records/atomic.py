"""Files and folders that are either whole or not there, and checksums that prove it."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from underpainting.errors import UnderpaintingError

CHECKSUMS = "checksums.json"
_SUFFIX = ".partial"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder to write to; on leaving, flush it and rename it to `path`.

    An error inside the block leaves `path` as it was. Readers see the old or the new, nothing between.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file atomically, making its folder if missing."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary sibling folder to fill; on leaving, write `checksums.json`, flush, rename to `path`.

    An error inside the block leaves nothing. Raises UnderpaintingError where `path` exists already.
    """
    if path.exists():
        raise UnderpaintingError(f"{path} exists already; remove it to make it anew")
    temporary = _temporary(path)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        sums = {name: sha256_file(temporary / name) for name in _files(temporary)}
        (temporary / CHECKSUMS).write_text(json.dumps(sums, indent=1) + "\n", encoding="utf-8")
        for name in [*sums, CHECKSUMS]:
            _sync(temporary / name)
        for folder in [*(p for p in temporary.rglob("*") if p.is_dir()), temporary]:
            _sync(folder)
        temporary.rename(path)
        _sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def clear_partial(folder: Path) -> None:
    """Remove what a killed `replacing` or `atomic_folder` left directly in a folder.

    Only when nothing is writing there.
    """
    for left in folder.glob(f".*{_SUFFIX}"):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def verify_folder(path: Path) -> list[str]:
    """Compare a folder with its `checksums.json`: one line a problem, none where all is well."""
    try:
        sums = json.loads((path / CHECKSUMS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [f"{path}: no readable {CHECKSUMS} ({type(error).__name__})"]
    present = set(_files(path)) - {CHECKSUMS}
    problems = [f"{path / name}: missing" for name in sorted(sums.keys() - present)]
    problems += [f"{path / name}: not in {CHECKSUMS}" for name in sorted(present - sums.keys())]
    problems += [
        f"{path / name}: contents changed"
        for name in sorted(present & sums.keys())
        if sha256_file(path / name) != sums[name]
    ]
    return problems


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}")


def _files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
