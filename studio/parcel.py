"""A folder as a few files of limited size, replaced as a whole: at any moment there is a whole one."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

PIECE = 15_000_000  # bytes
LIST = "still-life.json"


def split(folder: Path, out: Path, piece: int = PIECE) -> list[Path]:
    """Writes a folder into ``out`` as pieces of at most ``piece`` bytes, then the list that names them.

    Pieces of the folder as it was before go last, so the list always names whole ones.
    """
    out.mkdir(parents=True, exist_ok=True)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(folder, arcname=".")
    data = archive.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    parts = [data[start : start + piece] for start in range(0, len(data), piece)]
    paths = [out / f"still-life-{digest[:8]}.tar.{k}" for k in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        path.write_bytes(part)
    fresh = out / f"{LIST}.part"
    fresh.write_text(json.dumps({"sha256": digest, "pieces": [path.name for path in paths]}) + "\n")
    fresh.replace(out / LIST)
    for path in set(out.glob("still-life-*.tar.*")) - set(paths):
        path.unlink()
    return paths


def join(parcel: Path, out: Path) -> None:
    """Writes the folder that `split` put into ``parcel`` to ``out``.

    Raises SystemExit where pieces are missing or damaged.
    """
    if not (parcel / LIST).exists():
        raise SystemExit(f"{parcel} has no {LIST}: give the folder that python -m studio.gpu wrote")
    named = json.loads((parcel / LIST).read_text())
    missing = [name for name in named["pieces"] if not (parcel / name).exists()]
    if missing:
        raise SystemExit(f"{parcel} lacks {', '.join(missing)}: copy every file that {LIST} names")
    data = b"".join((parcel / name).read_bytes() for name in named["pieces"])
    if hashlib.sha256(data).hexdigest() != named["sha256"]:
        raise SystemExit(f"the pieces in {parcel} are damaged: copy them again")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        tar.extractall(out, filter="data")
