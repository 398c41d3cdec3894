"""What came of a search, in a folder of its own: kept whole, read again."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from underpainting import markup
from underpainting.errors import UnderpaintingError
from underpainting.progress import duration
from underpainting.readers import checked_path, read_json, reading
from underpainting.records import (
    SEARCHED,
    atomic_folder,
    read_table,
    require_makeable,
    require_whole,
    table_of_rows,
    write_json,
    write_table,
)
from underpainting.records.pictures import read_frame
from underpainting.seeds.lessons import Lesson
from underpainting.study.paths import SEARCH_CARD
from underpainting.study.sealed import ASK_AGAIN
from underpainting.study.study import StudyFolder

TABLE, SHEET, PREVIEWS = "seeds.parquet", "sheet.png", "previews.png"
READS = "card of a search", "name another folder by --out"


@dataclass(frozen=True)
class Cost:
    """What a search took, and what finishing every seed would have taken.

    evaluations: of the network, both branches of guidance being one. decodings: of latents to pictures, those
    of predictions included. seconds: of making pictures, however long ago; finishing all is told by the
    finished ones. reused: evaluations of them that an earlier search or preview had made.
    """

    evaluations: int
    evaluations_of_all: int
    reused: int
    decodings: int
    decodings_of_all: int
    seconds: float
    seconds_of_all: float

    @property
    def share(self) -> float:
        """Evaluations as a share of those of finishing all."""
        return self.evaluations / self.evaluations_of_all

    @property
    def sentence(self) -> str:
        """What it took, in words."""
        kept = f", {self.reused} of them kept from before" if self.reused else ""
        return (
            f"{self.evaluations} network evaluations{kept}, {100 * self.share:.0f} % of the "
            f"{self.evaluations_of_all} of finishing all; {self.decodings} decodings of "
            f"{self.decodings_of_all}; {duration(self.seconds)} of {duration(self.seconds_of_all)}"
        )


@dataclass(frozen=True)
class Row:
    """A seed of a search, as a row of `SEARCHED`."""

    prompt: str
    seed: int
    step: int
    predicted: float
    expected: float
    score: float | None


@dataclass(frozen=True)
class Searched:
    """What came of a search: its folder, what was asked, its seeds, best first, what it cost, what it learnt.

    In a notebook it shows the finished pictures.
    """

    folder: Path
    asked: Mapping[str, Any]
    rows: tuple[Row, ...]
    cost: Cost
    lessons: tuple[Lesson, ...]

    @property
    def seeds(self) -> list[int]:
        """Seeds of the finished pictures, best first."""
        return [row.seed for row in self.rows if row.score is not None]

    @property
    def scores(self) -> dict[int, float]:
        """The wish's score of every finished picture, by seed."""
        return {row.seed: row.score for row in self.rows if row.score is not None}

    @property
    def summary(self) -> dict[str, Any]:
        """All of it but the pictures, as plain JSON."""
        return {
            "folder": str(self.folder),
            "asked": dict(self.asked),
            "cost": asdict(self.cost) | {"share": self.cost.share},
            "cuts": [asdict(lesson) for lesson in self.lessons],
            "seeds": [asdict(row) for row in self.rows],
        }

    @property
    def table(self) -> pd.DataFrame:
        """Every seed, best first; columns as in `SEARCHED`."""
        return pd.DataFrame([asdict(row) for row in self.rows])

    @cached_property
    def pictures(self) -> dict[int, NDArray[Any]]:
        """The finished pictures, uint8 [height, width, 3] by seed, best first."""
        return {seed: read_frame(self.picture_file(seed)).numpy() for seed in self.seeds}

    def picture_file(self, seed: int) -> Path:
        """Where a finished picture lies."""
        return self.folder / "pictures" / f"seed_{seed}.png"

    def _repr_html_(self) -> str:
        words = f"{self.asked['prompt']}: {self.asked['wish']}"
        return markup.picture((self.folder / SHEET).read_bytes(), words)


def keep_searched(
    of: Searched, study: StudyFolder, pictures: Mapping[int, NDArray[Any]], sheets: Mapping[str, bytes]
) -> None:
    """Write a search's folder, whole or not at all."""
    about = {"asked": dict(of.asked), "cost": asdict(of.cost), "lessons": [asdict(x) for x in of.lessons]}
    with atomic_folder(of.folder, study.owner) as temporary:
        write_json(temporary / SEARCH_CARD, about)
        write_table(temporary / TABLE, _table(of.rows), SEARCHED)
        (temporary / TABLE).with_suffix(".csv").write_text(_csv(of.rows), encoding="utf-8")
        for name, png in sheets.items():
            (temporary / name).write_bytes(png)
        (temporary / "pictures").mkdir()
        for seed, picture in pictures.items():
            Image.fromarray(picture).save(temporary / "pictures" / f"seed_{seed}.png")


def read_searched(folder: Path, study: StudyFolder, asked: Mapping[str, Any]) -> Searched | None:
    """The search that a folder holds; None where there is nothing, and one can be made.

    Raises UnderpaintingError where it holds anything else, another search, or a damaged one.
    """
    if not checked_path(folder).exists():
        require_makeable(folder, "name another folder by --out")
        return None
    if not (folder / SEARCH_CARD).is_file():
        raise UnderpaintingError(f"{folder} is there already; name another folder by --out, or remove it")
    require_search(folder, study)
    card = folder / SEARCH_CARD, *READS
    about = read_json(*card)
    if about.get("asked") != asked:
        raise UnderpaintingError(f"{folder} holds another search; name another folder by --out, or remove it")
    with reading(*card):
        rows = tuple(Row(**row) for row in read_table(folder / TABLE, SEARCHED).to_pylist())
        taught = tuple(Lesson(**of) for of in about["lessons"])
        return Searched(folder, about["asked"], rows, Cost(**about["cost"]), taught)


def require_search(folder: Path, study: StudyFolder) -> None:
    """Raise UnderpaintingError where a folder holds no whole search of a study."""
    if not (checked_path(folder) / SEARCH_CARD).is_file():
        raise UnderpaintingError(f"{folder} holds no search; give the folder that `search` wrote")
    require_whole(folder, ASK_AGAIN, study.owner)


def _table(rows: tuple[Row, ...]) -> pa.Table:
    return table_of_rows(SEARCHED, map(astuple, rows))


def _csv(rows: tuple[Row, ...]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(SEARCHED.names)
    writer.writerows([markup.in_cell(value) for value in asdict(row).values()] for row in rows)
    return out.getvalue()
