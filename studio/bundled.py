"""The weights that ship with the package, told from any others."""

from __future__ import annotations

from pathlib import Path

from underpainting import stilllife
from underpainting.observers.fingerprints import joined
from underpainting.readers import sha256_file


def fingerprint(folder: Path | None = None) -> str:
    """SHA-256 of all weights in a folder, the bundled one unless given, with their places in it."""
    where = folder or stilllife.folder()
    paths = sorted(where.rglob("*.safetensors"))
    return joined(f"{path.relative_to(where).as_posix()} {sha256_file(path)}" for path in paths)
