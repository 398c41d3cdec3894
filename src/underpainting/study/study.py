"""A study: how it is made and opened, and every reader of what lies in its folder."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file
from torch import Tensor

from underpainting.diffusion import Model
from underpainting.errors import UnderpaintingError
from underpainting.observers.estimators import Estimator
from underpainting.probes import ProbeSet
from underpainting.records import (
    CHECKSUMS,
    PROMPTS,
    clear_partial,
    make_table,
    read_table,
    require_whole,
    sealing,
    sha256_file,
    write_bytes,
    write_table,
)
from underpainting.study.paths import ASIDE, CONFIG, FILMS, GALLERY, LABELS, PICTURES, StudyPaths
from underpainting.study.request.config import StudyConfig, changes, config_toml, parse_config, read_config
from underpainting.study.request.prompts import PromptRow
from underpainting.study.request.splits import split_beside, split_prompts
from underpainting.study.schedule import Shard, plan_shards
from underpainting.vocabulary import SPLITS

RESTORE = "put it back as it was, with its .sha256, or init another folder"


@dataclass(frozen=True)
class Gallery:
    """Test pictures kept for looking at: `about` says what they are, `arrays` are their frames and maps."""

    about: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    @property
    def images(self) -> list[str]:
        """Names of the pictures, in order."""
        return [picture["image"] for picture in self.about["pictures"]]


@dataclass(frozen=True)
class StudyFolder(StudyPaths):
    """An opened study: its config, its pictures and the split of each; what is read from its folder.

    model, estimator: objects to work with in this process, in place of loading what the config names.
    """

    config: StudyConfig
    rows: tuple[PromptRow, ...]
    splits: tuple[str, ...]
    model: Model | None = field(default=None, repr=False, compare=False)
    estimator: Estimator | None = field(default=None, repr=False, compare=False)

    @cached_property
    def shards(self) -> list[Shard]:
        """All shards in order, whether made or not."""
        return plan_shards(self.rows, self.splits, self.config.run.batch_size, self.config.run.shard_size)

    @property
    def images(self) -> dict[str, int]:
        """Pictures in each split."""
        return {split: self.splits.count(split) for split in SPLITS}

    def of_split(self, split: str) -> list[Shard]:
        """Shards of a split, in order."""
        return [shard for shard in self.shards if shard.split == split]

    def is_whole(self, shard: Shard) -> bool:
        """Whether a shard is made, and what is still to be folded in from it is there."""
        if not self.shard_folder(shard.number).exists():
            return False
        folded = {"fit": shard.number <= self.folded, "calibrate": self.probes_folder.exists()}
        return folded.get(shard.split, True) or self.part_file(shard.number).exists()

    @property
    def pictures_made(self) -> int:
        """Pictures of the shards that are whole."""
        return sum(len(shard.pictures) for shard in self.shards if self.is_whole(shard))

    @property
    def folded(self) -> int:
        """Number of the last fit shard in the running totals; -1 before the first."""
        return max((int(path.stem.split("-")[1]) for path in self.through_files), default=-1)

    @property
    def is_done(self) -> bool:
        """Whether every picture is made and every score written."""
        return self.scores_file.is_file()

    def require_done(self) -> None:
        """Raise UnderpaintingError where the study is not done."""
        if not self.is_done:
            raise UnderpaintingError(
                f"{self.folder} is not finished ({self.scores_file.name} is not there); "
                f"go on with it by `underpainting run {self.folder}`"
            )

    @property
    def remade(self) -> str:
        """What to do where something of the study is missing or damaged, for the end of an error's line."""
        return f"`underpainting run {self.folder}` makes it again"

    @property
    def totals_file(self) -> Path:
        """Totals of all fit shards, once they are folded."""
        return self.through_file(max(shard.number for shard in self.of_split("fit")))

    @property
    def probes(self) -> ProbeSet:
        """The chosen probes. Raises UnderpaintingError where they are not there, or not whole."""
        require_whole(self.probes_folder, f"`underpainting run {self.folder}` makes it")
        return ProbeSet.load(self.probes_folder)

    @property
    def environment(self) -> dict[str, Any]:
        """What the pictures are made with; empty before the first run. Raises as `read_environment`."""
        return read_environment(self) or {}

    @property
    def gallery(self) -> Gallery | None:
        """The pictures kept for looking at, where any are. Raises UnderpaintingError where it is damaged."""
        folder = self.gallery_folder
        if not folder.is_dir():
            return None
        require_whole(folder, self.remade)
        about = json.loads((folder / GALLERY).read_text(encoding="utf-8"))
        return Gallery(about, load_file(folder / FILMS)) if about["pictures"] else None

    def hashes(self) -> dict[str, str]:
        """SHA-256 of the files that the study's findings are made of, by path."""
        probes = sorted(path for path in self.probes_folder.iterdir() if path.name != CHECKSUMS)
        files = (self.scores_file, *probes, self.prompts_file, self.config_file)
        return {str(path.relative_to(self.folder)): sha256_file(path) for path in files}

    def table(self, path: Path, schema: pa.Schema) -> pa.Table:
        """A table of the study. Raises UnderpaintingError where it is not there, or damaged."""
        require_whole(path, self.remade)
        return read_table(path, schema)

    def labels(self, property: str) -> dict[str, Tensor]:
        """Label maps [height, width] of a property by image, of all pictures made so far.

        uint8 of 0 and 1 for a binary property, else float32. Raises UnderpaintingError where there is no
        label of that property, or a shard is damaged.
        """
        labels: dict[str, Tensor] = {}
        known: set[str] = set()
        for shard in self.shards:
            if (folder := self.shard_folder(shard.number)).is_dir():
                require_whole(folder, self.remade)
                with safe_open(folder / LABELS, framework="pt") as file:
                    names = [name.rpartition("/") for name in file.keys()]  # noqa: SIM118 (no mapping)
                    known |= {name[2] for name in names}
                    labels |= {
                        image: file.get_tensor(f"{image}/{name}")
                        for image, _, name in names
                        if name == property
                    }
        if not labels:
            raise UnderpaintingError(
                f"{self.folder} has no labels of {property!r}; "
                f"it has {', '.join(sorted(known)) or 'none yet: run it'}"
            )
        return labels

    def set_aside(self) -> dict[str, str]:
        """Why pictures were set aside, by image, over the shards that are made."""
        reasons: dict[str, str] = {}
        for shard in self.shards:
            path = self.shard_folder(shard.number) / ASIDE
            if path.is_file():
                reasons |= json.loads(path.read_text(encoding="utf-8"))
        return reasons

    def sound_rows(self, split: str) -> list[PromptRow]:
        """A split's pictures that were not set aside."""
        aside = self.set_aside()
        return [row for shard in self.of_split(split) for row in shard.pictures if row.image not in aside]


def create_study(
    folder: Path, config: StudyConfig, rows: Sequence[PromptRow], test_rows: Sequence[PromptRow] = ()
) -> StudyFolder:
    """Write a new study's config and pictures.

    test_rows: pictures that test, where they are not drawn from rows. Raises UnderpaintingError where the
    folder holds a study or anything else already, or prompts are too few.
    """
    check_free(folder)
    prompts = [row.split_as or row.prompt for row in rows]
    splits = split_beside(prompts, config.split) if test_rows else split_prompts(prompts, config.split)
    rows, splits = [*rows, *test_rows], splits + ["test"] * len(test_rows)
    columns: dict[str, Sequence[Any]] = {
        "image": [row.image for row in rows],
        "prompt": [row.prompt for row in rows],
        "seed": [row.seed for row in rows],
        "prompt_ind": [row.prompt_ind for row in rows],
        "split": splits,
    }
    with sealing(folder / PICTURES) as temporary:
        write_table(temporary, make_table(PROMPTS, columns), PROMPTS)
    write_bytes(folder / CONFIG, config_toml(config).encode())
    return StudyFolder(folder, config, tuple(rows), tuple(splits))


def check_free(folder: Path) -> None:
    """Raise UnderpaintingError where a new study cannot be put in this folder."""
    if (folder / CONFIG).exists():
        raise UnderpaintingError(
            f"{folder} already holds a study; go on by `underpainting run {folder}` or choose another folder"
        )
    if folder.exists() and not folder.is_dir():
        raise UnderpaintingError(f"{folder} is a file; choose another folder for the study")
    if folder.exists() and any(not path.name.startswith((PICTURES, ".")) for path in folder.iterdir()):
        raise UnderpaintingError(f"{folder} is not empty and holds no study; choose another folder")


def open_study(folder: Path) -> StudyFolder:
    """Read a study's config and pictures.

    Raises UnderpaintingError where there is none, a file is damaged, or the config is not the one its
    pictures were made with.
    """
    if not (folder / CONFIG).is_file():
        raise UnderpaintingError(
            f"{folder} holds no study (no study.toml); make one: `underpainting init {folder} --prompts FILE`"
        )
    config = read_config(folder / CONFIG)
    require_whole(folder / PICTURES, RESTORE)
    table = read_table(folder / PICTURES, PROMPTS).to_pylist()
    rows = tuple(PromptRow(row["prompt"], row["seed"], row["prompt_ind"]) for row in table)
    study = StudyFolder(folder, config, rows, tuple(row["split"] for row in table))
    recorded = read_environment(study)
    if recorded is not None:
        begun = parse_config(recorded["config"], str(study.environment_file))
        if differing := changes(begun, config):
            raise UnderpaintingError(
                f"{folder} was begun with another config ({'; '.join(differing)}); "
                "put study.toml back as it was, or init another folder"
            )
    return study


def read_environment(study: StudyFolder) -> dict[str, Any] | None:
    """What the first run recorded, or None before it.

    Raises UnderpaintingError where the file is damaged, or gone though there are shards.
    """
    if not (study.environment_file.is_file() or study.shards_folder.is_dir()):
        return None
    require_whole(study.environment_file, RESTORE)
    try:
        recorded = json.loads(study.environment_file.read_text(encoding="utf-8"))
        if not isinstance(recorded["config"], dict):
            raise TypeError("config is no table")
    except (ValueError, KeyError, TypeError) as error:
        raise UnderpaintingError(
            f"{study.environment_file} is damaged ({error}); restore it or init another folder"
        ) from None
    return dict(recorded)


def clear_leftovers(study: StudyFolder) -> None:
    """Remove what a killed run left half written; call under `only_run`."""
    for folder in (study.folder, study.shards_folder, study.moments_folder):
        if folder.is_dir():
            clear_partial(folder)


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Keep a second run out of a folder. Raises UnderpaintingError where one is at work."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnderpaintingError(f"another run is at work in {folder}; wait for it or stop it") from None
        yield
    finally:
        os.close(handle)
