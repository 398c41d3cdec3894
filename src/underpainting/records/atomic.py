"""Files and folders that are either whole or not there, and checksums that prove it.

A folder keeps its files' checksums in `checksums.json`, under its own name; a single file has a seal beside
it, `NAME.sha256`, as `sha256sum --check` reads it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from underpainting.errors import UnderpaintingError
from underpainting.readers import checked_path, read_json, read_text, reading

CHECKSUMS = "checksums.json"
SEAL = ".sha256"
_SUFFIX = ".partial"
_REASONS = {
    errno.ENOSPC: "no space left on the disk; free some",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.EACCES: "no permission to write there; change it or choose another folder",
    errno.EPERM: "no permission to write there; change it or choose another folder",
    errno.ENOTDIR: "a part of it is a file; choose another folder",
    errno.EEXIST: "a part of it is a file; choose another folder",
    errno.EISDIR: "it is a folder; choose another name",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ELOOP: "its links lead nowhere; choose another folder",
    errno.EINVAL: "the name is none that the disk takes; choose another one",
    errno.EIO: "the disk reports an error; choose another one",
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what a disk refuses inside the block into one line that names `path`."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        number = getattr(error, "errno", None) or _number(str(error))
        if number not in _REASONS:
            raise
        raise UnderpaintingError(
            f"{path} cannot be written: {_REASONS[number]}, then give the same command again"
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder to write to; on leaving, flush it and rename it to `path`.

    An error inside the block leaves `path` as it was. Readers see the old or the new, nothing between. Raises
    UnderpaintingError where the disk is full or may not be written to.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(path)
        try:
            yield temporary
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def sealing(path: Path) -> Iterator[Path]:
    """As `replacing`, with a seal beside the file. The seal is there first: no file is ever without one."""
    with replacing(path) as temporary:
        yield temporary
        write_bytes(_seal(path), f"{sha256_file(temporary)}  {path.name}\n".encode())


def check_seal(path: Path) -> str | None:
    """What is wrong with a sealed file, in a few words; None where all is well."""
    try:
        seal = _seal(path).read_text(encoding="utf-8")
        whole = seal == f"{sha256_file(path)}  {path.name}\n"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except (OSError, UnicodeDecodeError) as error:
        return f"cannot be read ({error})"
    return None if whole else "contents changed"


def find_fault(path: Path) -> str | None:
    """The first line on a sealed file, or a folder with checksums, that is not as written; None for whole."""
    if path.is_dir():
        return next(iter(verify_folder(path)), None)
    problem = check_seal(path)
    return None if problem is None else f"{path}: {problem}"


def require_whole(path: Path, remedy: str) -> None:
    """Raise UnderpaintingError where a sealed file, or a folder with checksums, is not as it was written."""
    if fault := find_fault(path):
        raise UnderpaintingError(f"{fault}; {remedy}")


def require_makeable(folder: Path, remedy: str) -> None:
    """Raise UnderpaintingError where a folder is not there and cannot be made."""
    home = next(home for home in (checked_path(folder), *folder.absolute().parents) if home.exists())
    if not (home.is_dir() and os.access(home, os.W_OK)):
        raise UnderpaintingError(f"{folder} cannot be made in {home}; {remedy}")


def remove(path: Path) -> None:
    """Remove a file with its seal, or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
        _seal(path).unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file atomically, making its folder if missing."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON for reading by people and programs; call where the path is a temporary one."""
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary sibling folder to fill; on leaving, write `checksums.json`, flush, rename to `path`.

    An error inside the block leaves nothing. Raises UnderpaintingError where `path` exists already.
    """
    if path.exists():
        raise UnderpaintingError(f"{path} exists already; remove it to make it anew")
    with writing(path):
        temporary = _temporary(path)
        temporary.mkdir(parents=True)
        try:
            yield temporary
            sums = {name: sha256_file(temporary / name) for name in _files(temporary)}
            (temporary / CHECKSUMS).write_text(_listing(path.name, sums), encoding="utf-8")
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

    What safetensors was writing goes too (`.tmp...`). Only when nothing is writing there.
    """
    for left in [*folder.glob(f".*{_SUFFIX}"), *folder.glob(".tmp*")]:
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def verify_folder(path: Path) -> list[str]:
    """Compare a folder with its `checksums.json`: one line a problem, none where all is well."""
    listing = path / CHECKSUMS, "list of checksums", "make the folder again"
    try:
        text, about = read_text(*listing), read_json(*listing)
        with reading(*listing):
            name, sums = str(about["folder"]), dict(about["files"])
    except UnderpaintingError as error:
        return [str(error)]
    if name != path.name:
        return [f"{path}: holds what was {name}"]
    if text != _listing(name, sums):
        return [f"{path / CHECKSUMS}: contents changed"]
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


def _listing(name: str, sums: Mapping[str, str]) -> str:
    return json.dumps({"folder": name, "files": dict(sums)}, indent=1) + "\n"


def _seal(path: Path) -> Path:
    return path.with_name(path.name + SEAL)


def _number(message: str) -> int | None:
    """The system's number in the message of a library that keeps it to itself."""
    found = re.search(r"(?:os error |errno )(\d+)", message, re.IGNORECASE)
    return int(found[1]) if found else None


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
