"""A study's folder: what lies where, and how it is made and opened."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from underpainting.errors import UnderpaintingError
from underpainting.records import (
    PROMPTS,
    clear_partial,
    make_table,
    read_table,
    require_whole,
    sealing,
    write_bytes,
    write_table,
)
from underpainting.study.config import StudyConfig, changes, config_toml, parse_config, read_config
from underpainting.study.plan import Shard, plan_shards
from underpainting.study.prompts import PromptRow
from underpainting.study.splits import SPLITS, split_beside, split_prompts

RESTORE = "put it back as it was, with its .sha256, or init another folder"


@dataclass(frozen=True)
class Study:
    """An opened study: its folder, its config, its pictures and the split of each."""

    folder: Path
    config: StudyConfig
    rows: tuple[PromptRow, ...]
    splits: tuple[str, ...]

    @property
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
        if not self.shard(shard.number).exists():
            return False
        folded = {"fit": shard.number <= self.folded, "calibrate": self.probes.exists()}
        return folded.get(shard.split, True) or self.part(shard.number).exists()

    @property
    def folded(self) -> int:
        """Number of the last fit shard in the running totals; -1 before the first."""
        totals = sorted((self.folder / "moments").glob("through-*.safetensors"))
        return int(totals[-1].stem.split("-")[1]) if totals else -1

    def shard(self, number: int) -> Path:
        """Folder of a shard; it exists when the shard is whole."""
        return self.folder / "shards" / f"{number:05d}"

    def part(self, number: int) -> Path:
        """A fit shard's own sums, or a calibrate shard's scores, there until they are folded in."""
        return self.folder / "moments" / f"shard-{number:05d}.safetensors"

    def through(self, number: int) -> Path:
        """Running totals with every shard up to this one folded in."""
        return self.folder / "moments" / f"through-{number:05d}.safetensors"

    @property
    def probes(self) -> Path:
        """Folder of the chosen probes; it exists when calibration is done."""
        return self.folder / "probes"

    @property
    def controls(self) -> Path:
        """Folder of the shuffled probes and of position alone."""
        return self.folder / "controls"

    @property
    def gallery(self) -> Path:
        """Folder of the pictures kept for looking at."""
        return self.folder / "gallery"

    @property
    def scores(self) -> Path:
        """Table of the test pictures' scores; it exists when the study is done."""
        return self.folder / "scores.parquet"

    @property
    def calibrate(self) -> Path:
        """Table of the calibrate pictures' scores at what was chosen on them."""
        return self.folder / "calibrate.parquet"

    @property
    def choice(self) -> tuple[Path, Path, Path]:
        """All that is chosen on calibrate pictures; it is there together or not at all."""
        return self.probes, self.controls, self.calibrate

    @property
    def classification(self) -> Path:
        """Table of what the classifier sees in test pictures; it is there with the scores if there is one."""
        return self.folder / "classification.parquet"

    @property
    def emergence(self) -> Path:
        """Table of the steps from which properties are there; made of the scores, and anew with them."""
        return self.folder / "emergence.parquet"

    @property
    def leads(self) -> Path:
        """Table of how far probes are ahead of their opponents; made of the scores, and anew with them."""
        return self.folder / "leads.parquet"

    @property
    def interventions(self) -> Path:
        """Folder of pictures made with edited activations, and of their scores."""
        return self.folder / "interventions"

    @property
    def report(self) -> Path:
        """The report's page; made of the tables, and anew with them."""
        return self.folder / "report" / "index.html"

    @property
    def environment(self) -> Path:
        """What the pictures were made with."""
        return self.folder / "environment.json"

    @property
    def done(self) -> bool:
        """Whether every picture is made and every score written."""
        return self.scores.is_file()


def create_study(
    folder: Path, config: StudyConfig, rows: Sequence[PromptRow], test_rows: Sequence[PromptRow] = ()
) -> Study:
    """Write a new study's config and pictures.

    test_rows: pictures that test, where they are not drawn from rows. Raises UnderpaintingError where the
    folder holds a study or anything else already, or prompts are too few.
    """
    check_free(folder)
    prompts = [row.prompt for row in rows]
    splits = split_beside(prompts, config.split) if test_rows else split_prompts(prompts, config.split)
    rows, splits = [*rows, *test_rows], splits + ["test"] * len(test_rows)
    columns: dict[str, Sequence[Any]] = {
        "image": [row.image for row in rows],
        "prompt": [row.prompt for row in rows],
        "seed": [row.seed for row in rows],
        "prompt_ind": [row.prompt_ind for row in rows],
        "split": splits,
    }
    with sealing(folder / "prompts.parquet") as temporary:
        write_table(temporary, make_table(PROMPTS, columns), PROMPTS)
    write_bytes(folder / "study.toml", config_toml(config).encode())
    return Study(folder, config, tuple(rows), tuple(splits))


def check_free(folder: Path) -> None:
    """Raise UnderpaintingError where a new study cannot be put in this folder."""
    if (folder / "study.toml").exists():
        raise UnderpaintingError(
            f"{folder} already holds a study; go on by `underpainting run {folder}` or choose another folder"
        )
    if folder.exists() and not folder.is_dir():
        raise UnderpaintingError(f"{folder} is a file; choose another folder for the study")
    if folder.exists() and any(
        not path.name.startswith(("prompts.parquet", ".")) for path in folder.iterdir()
    ):
        raise UnderpaintingError(f"{folder} is not empty and holds no study; choose another folder")


def open_study(folder: Path) -> Study:
    """Read a study's config and pictures.

    Raises UnderpaintingError where there is none, a file is damaged, or the config is not the one its
    pictures were made with.
    """
    if not (folder / "study.toml").is_file():
        raise UnderpaintingError(
            f"{folder} holds no study (no study.toml); make one: `underpainting init {folder} --prompts FILE`"
        )
    config = read_config(folder / "study.toml")
    require_whole(folder / "prompts.parquet", RESTORE)
    table = read_table(folder / "prompts.parquet", PROMPTS).to_pylist()
    rows = tuple(PromptRow(row["prompt"], row["seed"], row["prompt_ind"]) for row in table)
    study = Study(folder, config, rows, tuple(row["split"] for row in table))
    recorded = read_environment(study)
    if recorded is not None:
        begun = parse_config(recorded["config"], str(study.environment))
        if differing := changes(begun, config):
            raise UnderpaintingError(
                f"{folder} was begun with another config ({'; '.join(differing)}); "
                "put study.toml back as it was, or init another folder"
            )
    return study


def read_environment(study: Study) -> dict[str, Any] | None:
    """What the first run recorded, or None before it.

    Raises UnderpaintingError where the file is damaged, or gone though there are shards.
    """
    if not (study.environment.is_file() or (study.folder / "shards").is_dir()):
        return None
    require_whole(study.environment, RESTORE)
    try:
        recorded = json.loads(study.environment.read_text(encoding="utf-8"))
        if not isinstance(recorded["config"], dict):
            raise TypeError("config is no table")
    except (ValueError, KeyError, TypeError) as error:
        raise UnderpaintingError(
            f"{study.environment} is damaged ({error}); restore it or init another folder"
        ) from None
    return dict(recorded)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON for reading by people and programs."""
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def clear_leftovers(study: Study) -> None:
    """Remove what a killed run left half written; call under `only_run`."""
    for folder in (study.folder, study.folder / "shards", study.folder / "moments"):
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
