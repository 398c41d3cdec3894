"""Checksums that prove a file or folder to be whole, and to be the one that belongs where it lies.

A folder keeps its files' checksums in `checksums.json`, under its own name; a single file has a seal beside
it, `NAME.sha256`, as `sha256sum --check` reads it. Both say whose the file is, in words that its owner gives
(`origin`): a file of another owner, however whole, is not the one that was written here.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from underpainting.errors import UnderpaintingError
from underpainting.readers import sha256_file
from underpainting.records.atomic import HIDDEN, replacing, sync, temporary_of, write_bytes, writing

CHECKSUMS = "checksums.json"
SEAL = ".sha256"
FOREIGN = "belongs to another study, or elsewhere in this one"

Origin = Callable[[Path], str]
"""Whose a path is, in words."""


@contextmanager
def sealing(path: Path, origin: str = "") -> Iterator[Path]:
    """As `replacing`, with a seal beside the file. The seal is there first: no file is ever without one."""
    with replacing(path) as temporary:
        yield temporary
        write_bytes(seal_of(path), _seal(sha256_file(temporary), path.name, origin).encode())


@contextmanager
def atomic_folder(path: Path, origin: str = "") -> Iterator[Path]:
    """Give a temporary sibling folder to fill; on leaving, write `checksums.json`, flush, rename to `path`.

    An error inside the block leaves nothing. Raises UnderpaintingError where `path` exists already.
    """
    if path.exists():
        raise UnderpaintingError(f"{path} exists already; remove it to make it anew")
    with writing(path):
        temporary = temporary_of(path)
        temporary.mkdir(parents=True)
        try:
            yield temporary
            sums = {name: sha256_file(temporary / name) for name in _files(temporary)}
            (temporary / CHECKSUMS).write_text(_listing(path.name, origin, sums), encoding="utf-8")
            for name in [*sums, CHECKSUMS]:
                sync(temporary / name)
            for folder in [*(p for p in temporary.rglob("*") if p.is_dir()), temporary]:
                sync(folder)
            temporary.rename(path)
            sync(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def check_seal(path: Path, origin: str = "") -> str | None:
    """What is wrong with a sealed file, in a few words; None where all is well."""
    if not path.is_file():
        return "missing" if not path.exists() and not path.is_symlink() else "is no file"
    try:
        seal = seal_of(path).read_text(encoding="utf-8")
        digest = sha256_file(path)
    except FileNotFoundError:
        return f"{seal_of(path).name} is missing"
    except UnicodeDecodeError:
        return f"{seal_of(path).name} is damaged"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if seal == _seal(digest, path.name, origin):
        return None
    return FOREIGN if seal.startswith(f"{digest}  {path.name}\n") else "contents changed"


def verify_folder(path: Path, origin: str = "", only: Collection[str] | None = None) -> list[str]:
    """Compare a folder with its `checksums.json`: one line a problem, none where all is well.

    only: names of files in it, where the others do not matter.
    """
    try:
        text = (path / CHECKSUMS).read_text(encoding="utf-8")
        about = json.loads(text)
        name, sums = about["folder"], {**about["files"]}
        written = _listing(name, about["of"], sums)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return [f"{path}: no readable {CHECKSUMS} ({type(error).__name__})"]
    if name != path.name:
        return [f"{path}: holds what was {name}"]
    if text != written:
        return [f"{path / CHECKSUMS}: contents changed"]
    if about["of"] != origin:
        return [f"{path}: {FOREIGN}"]
    if only is None:
        present = set(_files(path)) - {CHECKSUMS}
    else:
        present = {name for name in only if (path / name).is_file()}
        sums = {name: sums[name] for name in only if name in sums}
    problems = [f"{path / name}: missing" for name in sorted(sums.keys() - present)]
    problems += [f"{path / name}: not in {CHECKSUMS}" for name in sorted(present - sums.keys())]
    problems += [
        f"{path / name}: contents changed"
        for name in sorted(present & sums.keys())
        if sha256_file(path / name) != sums[name]
    ]
    return problems


def find_fault(path: Path, origin: str = "", only: Collection[str] | None = None) -> str | None:
    """The first line on a sealed file, or a folder with checksums, that is not as written; None for whole."""
    if path.is_dir():
        return next(iter(verify_folder(path, origin, only)), None)
    problem = check_seal(path, origin)
    return None if problem is None else f"{path}: {problem}"


def find_faults(folder: Path, origin: Origin) -> Iterator[tuple[Path, str]]:
    """Faults of all that lies in a folder and below it, each with the sealed file or folder that has it."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(HIDDEN):
            continue
        if path.is_dir() and not (path / CHECKSUMS).exists():
            yield from find_faults(path, origin)
        elif path.suffix == SEAL:
            if not (sealed := path.with_suffix("")).is_file():
                yield sealed, f"{sealed}: missing"
        elif fault := find_fault(path, origin(path)):
            yield path, fault


def require_whole(path: Path, remedy: str, origin: str = "", only: Collection[str] | None = None) -> None:
    """Raise UnderpaintingError where a sealed file, or a folder with checksums, is not as it was written."""
    if fault := find_fault(path, origin, only):
        raise UnderpaintingError(f"{fault}; {remedy}")


def is_lost(path: Path) -> bool:
    """Whether a seal says that there was a file, which is not there."""
    return not path.is_file() and seal_of(path).exists()


def remove(path: Path) -> None:
    """Remove a file with its seal, or a folder, if it is there; of a link, the link alone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    seal_of(path).unlink(missing_ok=True)


def seal_of(path: Path) -> Path:
    """Where a file's seal is."""
    return path.with_name(path.name + SEAL)


def _seal(digest: str, name: str, origin: str) -> str:
    """A line of `sha256sum`, and one that it takes for a comment."""
    return f"{digest}  {name}\n" + (f"# {origin}\n" if origin else "")


def _listing(name: str, origin: str, sums: Mapping[str, str]) -> str:
    return json.dumps({"folder": name, "of": origin, "files": dict(sums)}, indent=1) + "\n"


def _files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
