"""Writing pictures and maps as an image folder: PNG files, and in `metadata.jsonl` a line a picture."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from underpainting.dataset.card import dataset_card
from underpainting.dataset.parts import Knowing, Part, of_search, of_study
from underpainting.errors import UnderpaintingError
from underpainting.progress import Progress
from underpainting.readers import checked_path, read_json
from underpainting.records import (
    clear_partial,
    make_folder,
    only_run,
    remove,
    replacing,
    require_makeable,
    sha256_file,
    write_bytes,
    write_json,
    writing,
)
from underpainting.seeds.layout import Maps
from underpainting.study.paths import SEARCH_CARD
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import BINARY, OBJECT

BEGUN, ASKED = ".begun", "asked.json"
"""Folder of what is not finished, and what was asked for, in it."""

METADATA, SUMS, README = "metadata.jsonl", "SHA256SUMS", "README.md"
WHITE = 65535


def export(
    study: StudyFolder,
    out: Path,
    *,
    search: Path | None = None,
    steps: Sequence[int] = (),
    progress: Progress | None = None,
) -> Path:
    """Write a study's pictures with prompts, seeds, splits, labels and boxes to a new folder; returns it.

    The folder is one that `datasets.load_dataset` takes, as `imagefolder` has it, and that any program reads:
    see `dataset.card`. search: a folder of a search of the study, whose finished pictures are written in
    place of the study's own. steps: from 1, of which there is also what probes read; to that end pictures are
    made again up to the last of them.

    Stopped at any moment, it goes on after the last whole batch. Raises UnderpaintingError where the study is
    not done, a step is none, or the folder holds anything else.
    """
    study.require_done()
    last, wanted = study.probes.steps, sorted(set(steps))
    if outside := [step for step in wanted if not 1 <= step <= last]:
        raise UnderpaintingError(f"step {outside[0]} is not there: give steps from 1 to {last}")
    progress = progress or Progress()
    knowing = Knowing(study, wanted, progress)
    parts = list(of_study(study) if search is None else of_search(study, search, lambda: knowing.loaded))
    asked = {
        "study": study.identity,
        "search": None if search is None else sha256_file(search / SEARCH_CARD),
        "steps": wanted,
    }
    begun = _begin(out, asked)
    with only_run(out):
        files = {begun / f"{number:05d}.jsonl": part for number, part in enumerate(parts)}
        missing = {file: part for file, part in files.items() if not file.is_file()}
        counts = Counter[str]()
        for part in parts:
            counts[part.split] += len(part.rows)
        progress.start(counts.total(), counts.total() - sum(len(part.rows) for part in missing.values()))
        progress.phase("writing pictures")
        for file, part in missing.items():
            write_bytes(file, _lines(_write(out, part, knowing)))
        for split in counts:
            own = [file.read_bytes() for file, part in files.items() if part.split == split]
            write_bytes(out / split / METADATA, b"".join(own))
        write_bytes(out / README, dataset_card(study, counts, wanted, search is not None).encode())
        progress.phase("checksums")
        whole = sorted(path for path in out.rglob("*") if path.is_file() and begun not in path.parents)
        sums = [f"{sha256_file(path)}  {path.relative_to(out).as_posix()}\n" for path in whole]
        write_bytes(out / SUMS, "".join(sums).encode())
        remove(begun)
    return out


def _begin(out: Path, asked: Mapping[str, Any]) -> Path:
    """The folder of what is not finished, in the one that is written."""
    begun = out / BEGUN
    if (begun / ASKED).is_file():
        if read_json(begun / ASKED) != asked:
            raise UnderpaintingError(
                f"{out} was begun with another export; name another folder, or remove it"
            )
        clear_partial(begun)
        return begun
    if checked_path(out).exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UnderpaintingError(f"{out} is there already; name another folder, or remove it")
    require_makeable(out, "name another folder")
    make_folder(begun)
    with replacing(begun / ASKED) as temporary:
        write_json(temporary, asked)
    return begun


def _write(out: Path, part: Part, knowing: Knowing) -> list[dict[str, Any]]:
    """Write a part's files; the lines that say what they are."""
    known = knowing.read(part.rows)
    lines = []
    for i, (row, (picture, labels)) in enumerate(zip(part.rows, part.read(), strict=True)):
        _save(out / part.split / f"{row.image}.png", picture)
        line: dict[str, Any] = {"file_name": f"{row.image}.png", "prompt": row.prompt, "seed": row.seed}
        if part.scores:
            line["score"] = part.scores[i]
        if OBJECT in labels:
            line["box"] = box(labels[OBJECT].numpy() > 0)
        for name in knowing.study.probes.properties:
            label = labels[name]
            binary = knowing.study.probes.best[name].metric in BINARY
            line |= _map(out / part.split, name, row.image, label.numpy(), binary)
        for step, maps in known.items():
            for name, of in _of(maps, i).items():
                line |= _map(out / part.split, f"{name}_step_{step}", row.image, of, False)
        lines.append(line)
        knowing.progress.advance(1)
    return lines


def _lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


def _of(maps: Maps, i: int) -> dict[str, NDArray[np.float32]]:
    return {name: of[i].float().numpy() for name, of in maps.items()}


def _map(home: Path, name: str, image: str, values: NDArray[Any], binary: bool) -> dict[str, str | float]:
    """Write a map and say what it is: of 0 and 255, or in 16 bits from its least value to its largest."""
    file, path = f"{name}/{image}.png", home / name / f"{image}.png"
    if binary:
        _save(path, (values > 0).astype(np.uint8) * 255)
        return {f"{name}_file_name": file}
    low, high = float(values.min()), float(values.max())
    levels = np.rint((values - low) / ((high - low) or 1.0) * WHITE)
    _save(path, levels.astype(np.uint16))
    return {f"{name}_file_name": file, f"{name}_low": low, f"{name}_high": high}


def box(mask: NDArray[np.bool_]) -> list[int] | None:
    """Left, top, right and bottom of a mask [height, width] in pixels, the last two beyond it, if any."""
    if not mask.any():
        return None
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def _save(path: Path, values: NDArray[Any]) -> None:
    """A PNG, which is whole once the lines of its part are there: until then it is written again."""
    make_folder(path.parent)
    with writing(path):
        Image.fromarray(values).save(path)
