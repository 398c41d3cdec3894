"""What a study writes, and how large its shards are to be where most of that is the same totals again."""

from __future__ import annotations

import math
from dataclasses import dataclass

from underpainting.progress import duration
from underpainting.weights import readable

PICTURES, LASTING = 20, 10
"""Totals are written too often where they are more than so many times the pictures, or all that stays."""
LITTLE = 10_000_000_000
"""Bytes that are written within a minute or two, whatever they are."""
LARGEST_SHARD = 10_000


@dataclass(frozen=True)
class Disk:
    """Bytes of a study's files: of those that stay, the most that are there at once, and all that it writes.

    totals: of these, what is written again and again, twice for each fit shard.
    """

    stays: int
    most: int
    written: int
    totals: int


def disk(lasting: int, passing: int, totals: int, fit_shards: int) -> Disk:
    """What is written where each fit shard writes its own totals, and the run those up to it.

    lasting: bytes of all files that stay but for totals. passing: of calibrate scores, until the choice.
    While a shard is folded there are its totals, those before it, and those with it.
    """
    again = 2 * fit_shards * totals
    stays = lasting + totals
    most = stays + max(totals * min(fit_shards, 2), passing)
    return Disk(stays, most, lasting + passing + again, again)


def shard_advice(
    use: Disk, pictures: int, fit: int, batch: int, shard: int, most: int, seconds: float | None
) -> str | None:
    """How large shards are to be where totals are written more often than is sensible; None where they are.

    pictures: bytes of the pictures themselves. fit: how many are fitted to. most: pictures of a shard that
    memory holds. seconds: of a picture, where that was measured.
    """
    limit = max(LITTLE, min(PICTURES * pictures, LASTING * use.stays))
    shards = math.ceil(fit / max(shard, batch))
    if use.totals <= limit or shards < 2:
        return None
    once = use.totals / shards
    fewest = max(1, int(limit / once))
    size = min(math.ceil(math.ceil(fit / fewest) / batch) * batch, most // batch * batch, LARGEST_SHARD)
    left = math.ceil(fit / max(size, 1))
    if left >= shards:
        return None
    lost = f" ({duration(size * seconds)})" if seconds else ""
    return (
        f"mostly totals, {shards} times: init it again with --set run.shard_size={size}, and "
        f"{readable(int(use.totals - left * once))} less is written; a worker that is killed then loses up "
        f"to {size} pictures{lost}, and no more than {left} workers find fit pictures to make"
    )
