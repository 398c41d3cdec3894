"""Files of a folder as bytes with a checksum, for a machine that does not see the folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from underpainting.errors import UnderpaintingError
from underpainting.records.atomic import sync, writing

Parcel = tuple[dict[str, bytes], str]
"""Contents by path within the folder, and their SHA-256; plain data."""


def pack(folder: Path, paths: Iterable[Path]) -> Parcel:
    """Read files, and all files of folders, as far as they are there."""
    files: dict[str, bytes] = {}
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                files[file.relative_to(folder).as_posix()] = file.read_bytes()
    return files, _digest(files)


def unpack(parcel: Parcel, folder: Path) -> None:
    """Write a parcel's files into a folder, flushed to the disk.

    Raises UnderpaintingError where they are not those that were packed, or the disk refuses.
    """
    files, digest = parcel
    if _digest(files) != digest:
        raise UnderpaintingError("files were changed on their way between two machines; check the network")
    with writing(folder):
        for name, contents in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents)
            sync(path)
        for home in {(folder / name).parent for name in files}:
            sync(home)


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, contents in sorted(files.items()):
        digest.update(f"{name}\0{len(contents)}\0".encode(errors="surrogateescape"))
        digest.update(contents)
    return digest.hexdigest()
