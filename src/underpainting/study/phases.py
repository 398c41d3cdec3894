"""The three phases by name, and what makes a shard of any of them."""

from __future__ import annotations

from functools import partial

from underpainting.study import calibrate, fit, test
from underpainting.study.schedule import Shard
from underpainting.study.work import Work

PHASES = {"fit": fit, "calibrate": calibrate, "test": test}
"""Each phase makes the shards of the split of its name."""


def make_shard(work: Work, shard: Shard) -> None:
    """Make a shard of any split. Making it again gives the same bytes, in whatever process."""
    work.shard(shard, partial(PHASES[shard.split].make, work, shard))
