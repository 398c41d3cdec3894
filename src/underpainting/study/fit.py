"""The fit phase: every fit picture is made once, and its activations and labels are added to the totals."""

from __future__ import annotations

from collections.abc import Iterable

from safetensors.torch import save_file
from torch import Tensor

from underpainting.records import remove
from underpainting.study.batch import Rows
from underpainting.study.kept.classes import POOLED
from underpainting.study.kept.shards import LATENTS, WORDS, Keeper
from underpainting.study.kept.totals import empty_totals, read_totals
from underpainting.study.recorders import Held, Latents, Pooled, Words
from underpainting.study.schedule import Shard
from underpainting.study.work import Work


def make(work: Work, shard: Shard, keeper: Keeper) -> None:
    """Make a fit shard: pictures, labels and its own sums. It follows from its pictures alone."""
    totals = empty_totals(work.places)
    latents: dict[str, Tensor] = {}
    attended: dict[str, Tensor] = {}
    pooled: dict[str, Tensor] = {}

    def recorders(rows: Rows) -> tuple[Held, Latents | None, Words | None, Pooled | None]:
        return Held(work.places), work.latents(), work.words(), work.pooled()

    for batch in work.batches(shard, keeper, recorders):
        held, kept, words, means = batch.recorders
        held.add_to(totals, batch.made.labels)
        for i, row in enumerate(batch.rows):
            if kept:
                latents[row.image] = kept.of(i).half()
            if words:
                attended[row.image] = words.of(i)
            if means:
                pooled |= means.of(i, row.image)
    if work.latents():
        save_file(latents, keeper.folder / LATENTS)
    if work.words():
        save_file(attended, keeper.folder / WORDS)
    if work.loaded.classifier:
        save_file(pooled, keeper.folder / POOLED)
    with work.study.sealing(work.study.part_file(shard.number)) as temporary:
        totals.write(temporary)


def fold(work: Work, shards: Iterable[Shard]) -> None:
    """Fold the shards' sums into the running totals, in their order, as they come."""
    study = work.study
    folded = study.folded
    for old in study.through_files:
        if old != study.through_file(folded):
            remove(old)
    totals = (
        read_totals(study.require(study.through_file(folded))) if folded >= 0 else empty_totals(work.places)
    )
    for shard in shards:
        part = study.part_file(shard.number)
        if shard.number > folded:
            totals.merge(read_totals(study.require(part)))
            with study.sealing(study.through_file(shard.number)) as temporary:
                totals.write(temporary)
            if folded >= 0:
                remove(study.through_file(folded))
            folded = shard.number
        remove(part)
