"""A study: how it is made and opened, and every reader of what lies in its folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray
from torch import Tensor

from underpainting.diffusion import Model
from underpainting.errors import UnderpaintingError
from underpainting.observers.estimators import Estimator
from underpainting.probes import ProbeSet
from underpainting.readers import checked_path, opened_tensors, read_json, read_tensors
from underpainting.records import (
    CHECKSUMS,
    PROMPTS,
    clear_partial,
    is_lost,
    make_table,
    read_table,
    require_whole,
    sealing,
    sha256_file,
    write_bytes,
    write_table,
)
from underpainting.records.seals import SEAL
from underpainting.study.paths import ASIDE, CONFIG, FILMS, GALLERY, IMAGES, LABELS, PICTURES, check_free
from underpainting.study.request.config import StudyConfig, changes, config_toml, parse_config, read_config
from underpainting.study.request.prompts import PromptRow
from underpainting.study.request.splits import split_beside, split_prompts
from underpainting.study.schedule import Shard, plan_shards
from underpainting.study.sealed import RESTORE, SealedFolder
from underpainting.vocabulary import SPLITS


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
class StudyFolder(SealedFolder):
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

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the pictures and their splits."""
        pictures = zip(self.rows, self.splits, strict=True)
        about = [(row.prompt, row.seed, row.prompt_ind, split) for row, split in pictures]
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()

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

    @property
    def was_done(self) -> bool:
        """Whether it is done, or was: what is made of its scores is there, or a seal of theirs."""
        scores, *made = self.outcomes
        return self.is_done or is_lost(scores) or any(path.is_file() for path in made)

    @property
    def phases_done(self) -> int:
        """How many phases must be behind, by what later ones have left: 1 after fit, 2 after calibrate, 3."""
        if self.was_done:
            return 3
        begun = {shard.split for shard in self.shards if self.shard_folder(shard.number).exists()}
        return 2 if "test" in begun or self.probes_folder.exists() else int("calibrate" in begun)

    @property
    def implied(self) -> list[Shard]:
        """The shards that must be there, for something was made of them."""
        done, folded = self.phases_done, self.folded
        return [x for x in self.shards if SPLITS.index(x.split) < done or x.number <= folded]

    def require_done(self) -> None:
        """Raise UnderpaintingError where the study is not done."""
        if not self.is_done:
            raise UnderpaintingError(
                f"{self.folder} is not finished ({self.scores_file.name} is not there); "
                f"go on with it by `underpainting run {self.folder}`"
            )

    @property
    def totals_file(self) -> Path:
        """Totals of all fit shards, once they are folded."""
        return self.through_file(max(shard.number for shard in self.of_split("fit")))

    @property
    def probes(self) -> ProbeSet:
        """The chosen probes. Raises UnderpaintingError where they are not there yet, or not whole."""
        if self.phases_done < 2:
            self.require_done()
        return ProbeSet.load(self.require(self.probes_folder))

    @property
    def environment(self) -> dict[str, Any]:
        """What the pictures are made with; empty before the first run. Raises as `recorded`."""
        return self.recorded() or {}

    @property
    def gallery(self) -> Gallery | None:
        """The pictures kept for looking at, where any are. Raises UnderpaintingError where it is damaged."""
        folder = self.gallery_folder
        if not folder.exists() and not self.was_done:
            return None
        self.require(folder)
        about = read_json(folder / GALLERY)
        if not about["pictures"]:
            return None
        films = read_tensors(folder / FILMS)
        return Gallery(about, {name: film.numpy() for name, film in films.items()})

    def hashes(self) -> dict[str, str]:
        """SHA-256 of the files that the study's findings are made of, by path."""
        probes = sorted(path for path in self.probes_folder.iterdir() if path.name != CHECKSUMS)
        files = (self.scores_file, *probes, self.prompts_file, self.config_file)
        return {str(path.relative_to(self.folder)): sha256_file(path) for path in files}

    def table(self, path: Path, schema: pa.Schema) -> pa.Table:
        """A table of the study. Raises UnderpaintingError where it is not there, or damaged."""
        return read_table(self.require(path), schema)

    def shard_file(self, number: int, name: str) -> Path:
        """A file of a shard, whether it has one of that name or not.

        Raises UnderpaintingError where the file is not what was written, or the shard is lost.
        """
        return self.require(self.shard_folder(number), only=(name,)) / name

    def picture_file(self, number: int, image: str) -> Path:
        """A finished picture of a shard, if it was not set aside. Raises as `shard_file`."""
        return self.shard_file(number, f"{IMAGES}/{image}.png")

    def labels(self, property: str) -> dict[str, Tensor]:
        """Label maps [height, width] of a property by image, of all pictures made so far.

        uint8 of 0 and 1 for a binary property, else float32. Raises UnderpaintingError where there is no
        label of that property, or a shard is damaged.
        """
        labels: dict[str, Tensor] = {}
        known: set[str] = set()
        for shard in self._made:
            with opened_tensors(self.shard_file(shard.number, LABELS)) as file:
                names = [name.rpartition("/") for name in file.keys()]  # noqa: SIM118 (no mapping)
                known |= {name[2] for name in names}
                labels |= {
                    image: file.get_tensor(f"{image}/{name}") for image, _, name in names if name == property
                }
        if not labels:
            raise UnderpaintingError(
                f"{self.folder} has no labels of {property!r}; "
                f"it has {', '.join(sorted(known)) or 'none yet: run it'}"
            )
        return labels

    def set_aside(self, shards: Sequence[Shard] | None = None) -> dict[str, str]:
        """Why pictures were set aside, by image, over some shards, or all that are there or must be.

        Raises UnderpaintingError as `shard_file`.
        """
        reasons: dict[str, str] = {}
        for shard in self._made if shards is None else shards:
            reasons |= read_json(self.shard_file(shard.number, ASIDE))
        return reasons

    @property
    def _made(self) -> list[Shard]:
        implied = {shard.number for shard in self.implied}
        return [x for x in self.shards if x.number in implied or self.shard_folder(x.number).exists()]

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


def open_study(folder: Path) -> StudyFolder:
    """Read a study's config and pictures.

    Raises UnderpaintingError where there is none, a file is damaged, or the config is not the one its
    pictures were made with.
    """
    if not checked_path(folder / CONFIG).is_file():
        raise UnderpaintingError(
            f"{folder} holds no study (no study.toml); make one: `underpainting init {folder} "
            "--prompts FILE`, or `underpainting demo` of the model that comes with the package"
        )
    config = read_config(folder / CONFIG)
    require_whole(folder / PICTURES, RESTORE)
    table = read_table(folder / PICTURES, PROMPTS).to_pylist()
    rows = tuple(PromptRow(row["prompt"], row["seed"], row["prompt_ind"]) for row in table)
    if any(None in row.values() or row["split"] not in SPLITS for row in table):
        raise UnderpaintingError(f"{folder / PICTURES} has rows that are not whole; {RESTORE}")
    study = StudyFolder(folder, config, rows, tuple(row["split"] for row in table))
    recorded = study.recorded()
    if recorded is not None:
        if recorded.get("prompts", study.digest) != study.digest:
            raise UnderpaintingError(f"{study.prompts_file}: {folder} was begun with others; {RESTORE}")
        begun = parse_config(recorded["config"], str(study.environment_file))
        if differing := changes(begun, config):
            raise UnderpaintingError(
                f"{folder} was begun with another config ({'; '.join(differing)}); "
                "put study.toml back as it was, or init another folder"
            )
    return study


def clear_leftovers(study: StudyFolder) -> None:
    """Remove what a killed run left half written; call under `only_run`."""
    for folder in (study.folder, study.shards_folder, study.moments_folder):
        if folder.is_dir():
            clear_partial(folder)
    for seal in study.moments_folder.glob(f"*{SEAL}"):
        if is_lost(seal.with_suffix("")):  # its file was folded in
            seal.unlink()
