"""A study under way in one process: what every phase needs to make its shards."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.probes import Probe
from underpainting.progress import Progress
from underpainting.records import remove
from underpainting.study.batch import Batch, Look, Made, Recorders, Rows, make_batch, make_sound
from underpainting.study.environment import Loaded
from underpainting.study.kept.choice import Chosen, read_chosen
from underpainting.study.kept.shards import Keeper
from underpainting.study.kept.totals import Totals, read_totals, solve
from underpainting.study.places import Places
from underpainting.study.recorders import Latents, Pooled, Words
from underpainting.study.schedule import Shard
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import Place


@dataclass(frozen=True)
class Work:
    """A study's folder with what its config names, loaded, in a process that makes shards.

    max_set_aside: share of the pictures that may be set aside. progress: told of phases and pictures.
    """

    study: StudyFolder
    loaded: Loaded
    max_set_aside: float
    progress: Progress

    @property
    def places(self) -> Places:
        """Where probes read."""
        return self.loaded.places

    @cached_property
    def totals(self) -> Totals:
        """All fit shards' sums, once they are folded."""
        return read_totals(self.study.require(self.study.totals_file))

    @cached_property
    def probes(self) -> dict[Place, Probe]:
        """Probes at every ridge strength."""
        return solve(self.totals, self.places, self.study.config.probes.strengths)

    @cached_property
    def chosen(self) -> Chosen:
        """What test pictures are read with, once the choice is made."""
        return read_chosen(self.study, self.places, self.totals, self.loaded.controls)

    def pooled(self) -> Pooled | None:
        """What pools a batch's activations, where classes are read off them."""
        return Pooled(self.places) if self.loaded.classifier else None

    def latents(self) -> Latents | None:
        """What keeps a batch's latents, where a control needs them."""
        wanted = any(control.records_latents for control in self.loaded.controls)
        return Latents() if wanted else None

    def words(self) -> Words | None:
        """What keeps a batch's attention to its objects' words, where a control reads it."""
        return Words() if self.loaded.objects else None

    def embed(self, rows: Rows) -> Tensor | None:
        """Embeddings [row, number] of the rows' prompts, where a control reads them."""
        if not any(control.reads_prompts for control in self.loaded.controls):
            return None
        return self.loaded.model.embed([row.prompt for row in rows])

    def shard(self, shard: Shard, fill: Callable[[Keeper], None]) -> None:
        """Make a shard's folder whole under a temporary name, in place of what may be left of it."""
        folder = self.study.shard_folder(shard.number)
        remove(folder)
        remove(self.study.part_file(shard.number))
        with self.study.atomic_folder(folder) as temporary:
            keeper = Keeper(temporary, self.places.properties)
            fill(keeper)
            keeper.close()
            self.hold_to_limit(keeper.aside)

    def batches(
        self, shard: Shard, keeper: Keeper, recorders: Callable[[Rows], Recorders]
    ) -> Iterator[Batch[Recorders]]:
        """Make and keep a shard's batches, each when it is asked for."""
        for rows in shard.batches:
            if batch := make_sound(rows, recorders, self._make_batch, keeper.aside):
                keeper.keep(batch.rows, batch.made)
                yield batch

    def _make_batch(self, rows: Rows, look: Look) -> Made:
        return make_batch(self.loaded, rows, self.study.config.model, look, self.progress.advance)

    def hold_to_limit(self, aside: Mapping[str, str]) -> None:
        """Raise UnderpaintingError where too many pictures are set aside: a new shard's, and those before."""
        if not aside:
            return
        total = len(self.study.rows)
        there = [shard for shard in self.study.shards if self.study.shard_folder(shard.number).exists()]
        known = {**self.study.set_aside(there), **aside}
        allowed = math.ceil(self.max_set_aside * total)
        if len(known) > allowed:
            reasons = list(aside.values())
            raise UnderpaintingError(
                f"{len(known)} of {total} pictures were set aside, {allowed} may be; mostly: "
                f"{max(reasons, key=reasons.count)}; put that right, or allow more by --max-set-aside"
            )
