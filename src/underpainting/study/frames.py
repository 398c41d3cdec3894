"""A study's tables as DataFrames, and its labels as tensors, by image."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import safe_open
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.records import (
    CLASSIFICATION,
    EMERGENCE,
    INTERVENTIONS,
    LEADS,
    PROMPTS,
    SCORES,
    read_table,
    require_whole,
)
from underpainting.study.folder import open_study

if TYPE_CHECKING:
    import pandas as pd

TABLES = {
    "prompts": ("prompts.parquet", PROMPTS),
    "scores": ("scores.parquet", SCORES),
    "calibrate": ("calibrate.parquet", SCORES),
    "emergence": ("emergence.parquet", EMERGENCE),
    "leads": ("leads.parquet", LEADS),
    "classification": ("classification.parquet", CLASSIFICATION),
    "interventions": ("interventions/scores.parquet", INTERVENTIONS),
}


def read_tables(folder: str | Path) -> dict[str, pd.DataFrame]:
    """A study's tables that are there, by name, as pandas DataFrames; names are categories.

    `prompts`, `scores`, `calibrate`, `emergence`, `leads`, `classification`, `interventions`; their columns
    are told in `docs/study.md`. Raises UnderpaintingError where there is no study, a table is damaged, or
    pandas is not installed.
    """
    if find_spec("pandas") is None:
        raise UnderpaintingError(
            "DataFrames need pandas: `pip install 'underpainting[tables]'`; or read the Parquet files"
        )
    study = open_study(Path(folder))
    there = {name: of for name, of in TABLES.items() if (study.folder / of[0]).is_file()}
    for file, _ in there.values():
        require_whole(study.folder / file, f"`underpainting run {folder}` makes it again")
    return {
        name: read_table(study.folder / file, schema).to_pandas() for name, (file, schema) in there.items()
    }


def read_labels(folder: str | Path, property: str) -> dict[str, Tensor]:
    """A study's label maps [height, width] of one property by image, of all pictures made so far.

    uint8 of 0 and 1 for a binary property, else float32. Raises UnderpaintingError where there is no
    study, no label of that property, or a shard is
    damaged.
    """
    study = open_study(Path(folder))
    labels: dict[str, Tensor] = {}
    known: set[str] = set()
    for shard in study.shards:
        if (made := study.shard(shard.number)).is_dir():
            require_whole(made, f"`underpainting run {folder}` makes it again")
            with safe_open(made / "labels.safetensors", framework="pt") as file:
                names = [name.rpartition("/") for name in file.keys()]  # noqa: SIM118 (no mapping)
                known |= {name[2] for name in names}
                labels |= {
                    image: file.get_tensor(f"{image}/{of}") for image, _, of in names if of == property
                }
    if not labels:
        raise UnderpaintingError(
            f"{folder} has no labels of {property!r}; it has {', '.join(sorted(known)) or 'none yet: run it'}"
        )
    return labels
