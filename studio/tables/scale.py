"""What a study of a million pictures would cost, and how many workers it would keep busy."""

from __future__ import annotations

from benchmarks.timeline import SDXL, TRANSFORMER, WORKERS
from studio.tables.cells import table
from studio.tables.files import printed

COSTS = ("a million pictures", SDXL.name, TRANSFORMER.name)
SHARES = ("network", "workers", *(f"{count:,}" for count in WORKERS))


def costs() -> str:
    """Evaluations, hours and bytes."""
    return table(COSTS, printed("timeline", "timeline", COSTS))


def shares() -> str:
    """The share of the workers' time in which pictures are made, by how totals are folded."""
    return table(SHARES, printed("timeline", "timeline", SHARES))
