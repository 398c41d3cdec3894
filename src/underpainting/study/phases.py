"""The three phases by the split whose shards they make."""

from __future__ import annotations

from functools import partial

from underpainting.study import calibrate, fit, test
from underpainting.study.schedule import Shard
from underpainting.study.work import Work

PHASES = {"fit": fit, "calibrate": calibrate, "test": test}


def make_shard(work: Work, shard: Shard) -> None:
    """Make a shard of any split. Making it again gives the same bytes, in whatever process."""
    work.shard(shard, partial(PHASES[shard.split].make, work, shard))
