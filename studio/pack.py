"""Packs one folder with all that training the still life on a GPU needs, where there is no network.

``python -m studio.pack OUT``: the scenes in compact form, the studio's and the package's code, and wheels of
diffusers and of what it needs beyond torch and transformers, made from what is installed here. There,
``sh OUT/train.sh RESULT`` runs ``studio.gpu`` with Python 3.11 or newer, torch and transformers.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import shutil
import zipfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import underpainting
from studio import scenes

LARGEST = 55_000_000  # bytes
CARRIED, THERE = "diffusers", ("torch", "transformers")
PURE = "Root-Is-Purelib: true"
LOCAL = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json")  # said of an installation, not of a wheel
SCRIPT = """#!/bin/sh
# sh train.sh RESULT [--minutes 9]: trains the still life into RESULT (studio.gpu)
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
$python -m pip install --quiet --no-index --no-deps --upgrade --target "$here/site" "$here"/wheels/*.whl
PYTHONPATH="$here/site:$here" exec $python -m studio.gpu "$@"
"""


def pack(out: Path, packed: Path, wheels: Sequence[str]) -> int:
    """Fills the folder ``out``, with the libraries ``wheels``; returns its size in bytes.

    Raises SystemExit where it is not empty, where there are no scenes in ``packed``, where a library is not
    installed, or where the whole is larger than LARGEST.
    """
    if out.exists() and any(out.iterdir()):
        raise SystemExit(f"{out} is not empty: give the name of a new folder")
    files = sorted(packed.glob("still-*.npz"))
    if not files:
        raise SystemExit(f"no scenes in {packed}: run python -m studio.render, then studio.scenes")
    for name, source in (
        ("studio", Path(__file__).parent),
        ("underpainting", Path(underpainting.__file__).parent),
    ):
        for code in sorted(source.rglob("*.py")):
            _copy(code, out / name / code.relative_to(source))
    for file in files:
        _copy(file, out / "scenes" / file.name)
    for name in wheels:
        wheel(name, out / "wheels")
    (out / "train.sh").write_text(SCRIPT)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    if size > LARGEST:
        raise SystemExit(
            f"{out} holds {size / 1e6:.1f} MB of at most {LARGEST / 1e6:.0f}: take files out of {packed}"
        )
    return size


def travelling() -> tuple[list[str], list[str]]:
    """CARRIED and what it needs beyond THERE's needs: what can travel, and what cannot, being compiled."""
    beyond = sorted(needs(CARRIED) - needs(*THERE))
    pure = [name for name in beyond if PURE in (_installed(name).read_text("WHEEL") or "")]
    return pure, [name for name in beyond if name not in pure]


def needs(*names: str) -> set[str]:
    """Installed libraries and all that they need, by their normal names."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = canonicalize_name(left.pop())
        if name not in found:
            found.add(name)
            wanted = [Requirement(line) for line in _installed(name).requires or []]
            left += [w.name for w in wanted if w.marker is None or w.marker.evaluate({"extra": ""})]
    return found


def _installed(name: str) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise SystemExit(f"{name} is not installed: install it here, so that it can travel") from None


def wheel(name: str, out: Path) -> Path:
    """Writes the wheel of an installed library of pure Python, from its files as they are installed."""
    library = _installed(name)
    facts = library.read_text("WHEEL") or ""
    tags = [line.split(": ", 1)[1] for line in facts.splitlines() if line.startswith("Tag: ")]
    if PURE not in facts or not tags:
        raise SystemExit(f"{name} is not of pure Python, or not installed from a wheel: it cannot travel")
    kept = [
        file
        for file in library.files or []
        if ".." not in file.parts and file.suffix != ".pyc" and file.name not in LOCAL
    ]
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{canonicalize_name(name).replace('-', '_')}-{library.version}-{tags[-1]}.whl"
    record = io.StringIO()
    table = csv.writer(record, lineterminator="\n")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in kept:
            data = Path(str(file.locate())).read_bytes()
            archive.writestr(str(file), data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            table.writerow([file, f"sha256={digest}", len(data)])
        about = next(file.parent for file in kept if file.name == "WHEEL") / "RECORD"
        table.writerow([about, "", ""])
        archive.writestr(str(about), record.getvalue())
    return path


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def main() -> None:
    """Packs, says how large it is."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("out", type=Path)
    cli.add_argument("--packed", type=Path, default=scenes.compact(), help="where studio.scenes put them")
    args = cli.parse_args()
    carried, others = travelling()
    size = pack(args.out, args.packed, carried)
    print(f"{args.out}: {size / 1e6:.1f} MB, with {', '.join(carried)}")
    print(f"there, with {', '.join((*THERE, *others))}: sh {args.out.name}/train.sh RESULT")


if __name__ == "__main__":
    main()
