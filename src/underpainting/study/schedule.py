"""Which pictures are made together: batches and shards follow from the prompt list alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from underpainting.study.request.prompts import PromptRow
from underpainting.vocabulary import SPLITS

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """Pictures that are made and kept whole or not at all: number in the study, split, batches in order."""

    number: int
    split: str
    batches: tuple[tuple[PromptRow, ...], ...]

    @property
    def name(self) -> str:
        """What a line calls it."""
        return f"shard {self.number}"

    @property
    def size(self) -> int:
        """Number of its pictures."""
        return sum(map(len, self.batches))

    @property
    def pictures(self) -> tuple[PromptRow, ...]:
        """All pictures of the shard, in order."""
        return tuple(row for batch in self.batches for row in batch)


def plan_shards(
    rows: Sequence[PromptRow], splits: Sequence[str], batch_size: int, shard_size: int
) -> list[Shard]:
    """Cut pictures into shards, fit first, then calibrate, then test, keeping their order within a split.

    A split's last batch takes in a picture that would stand alone, so that labels can be shuffled in every
    batch. A calibrate shard is one batch: it keeps scores at every strength and threshold.
    """
    shards: list[Shard] = []
    for split in SPLITS:
        per_shard = 1 if split == "calibrate" else max(1, shard_size // batch_size)
        batches = _batches([row for row, of in zip(rows, splits, strict=True) if of == split], batch_size)
        for together in in_batches(batches, per_shard):
            shards.append(Shard(len(shards), split, tuple(together)))
    return shards


def in_batches(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """Items so many at a time, in order; the last batch may have fewer."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def largest_batch(splits: Iterable[int], batch_size: int) -> int:
    """Pictures of the largest batch where splits have so many pictures: a last one may take in one more."""
    return max(min(size, batch_size) + (size > batch_size and size % batch_size == 1) for size in splits)


def _batches(rows: Sequence[PromptRow], size: int) -> list[tuple[PromptRow, ...]]:
    batches = [tuple(batch) for batch in in_batches(rows, size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        alone = batches.pop()
        batches[-1] += alone
    return batches
