"""The three phases by name, and what makes a shard of any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from underpainting.progress import Progress
from underpainting.readers import read_json
from underpainting.records import find_fault
from underpainting.study import calibrate, fit, test
from underpainting.study.environment import Loaded, record_environment
from underpainting.study.makers import Recipe, Whole
from underpainting.study.paths import ASIDE
from underpainting.study.schedule import Shard
from underpainting.study.study import StudyFolder
from underpainting.study.work import Work

PHASES = {"fit": fit, "calibrate": calibrate, "test": test}
"""Each phase makes the shards of the split of its name."""


@dataclass(frozen=True)
class ShardMaker:
    """Makes shards of any split (see `makers.Maker`)."""

    work: Work

    @property
    def recipe(self) -> Recipe:
        """Another process has work of its own."""
        return partial(_elsewhere, self.work.max_set_aside)

    @property
    def places(self) -> Sequence[Path]:
        """Shards, and what is to be folded in from them."""
        return self.work.study.shards_folder, self.work.study.moments_folder

    def takes(self, shard: Shard) -> Sequence[Path]:
        """The environment, and what the phases before have left."""
        study = self.work.study
        totals = () if shard.split == "fit" else (study.totals_file,)
        choice = (study.probes_folder, study.controls_folder) if shard.split == "test" else ()
        return study.environment_file, *totals, *choice

    def make(self, shard: Shard) -> Whole:
        """A shard's part is there first, its folder last."""
        study = self.work.study
        self.work.shard(shard, partial(PHASES[shard.split].make, self.work, shard))
        part = () if shard.split == "test" else (study.part_file(shard.number),)
        return Whole((*part, study.shard_folder(shard.number)))

    def fault(self, arrived: Path, target: Path) -> str | None:
        """Raises UnderpaintingError where too many pictures are set aside."""
        if (fault := find_fault(arrived, self.work.study.origin(target))) is None and arrived.is_dir():
            self.work.hold_to_limit(read_json(arrived / ASIDE))
        return fault


def _elsewhere(
    max_set_aside: float, study: StudyFolder, loaded: Loaded, root: Path
) -> tuple[ShardMaker, Sequence[str]]:
    differing = record_environment(study, loaded)
    return ShardMaker(Work(study, loaded, max_set_aside, Progress())), differing
