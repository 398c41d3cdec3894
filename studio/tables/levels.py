"""What tests and intervals do where the answer is known."""

from __future__ import annotations

from studio.tables.cells import number, table
from studio.tables.files import answer

SHARES = "shares of variance, "


def levels() -> str:
    """Every test and interval but those of variance, a column a number of prompts."""
    return _levels(of_variance=False)


def variance() -> str:
    """Shares of variance, a column a number of prompts and seeds."""
    return _levels(of_variance=True)


def _levels(of_variance: bool) -> str:
    rows = [r for r in answer("levels", "levels.json") if r["test"].startswith(SHARES) == of_variance]
    sizes = sorted({r["prompts"] for r in rows})
    cells = {(r["test"], r["found"], r["prompts"]): r for r in rows}
    lines = []
    for test, found in dict.fromkeys((r["test"], r["found"]) for r in rows):
        mine = [cells[test, found, size] for size in sizes]
        lines.append(
            [test.removeprefix(SHARES), found, *(number(r["share"]) for r in mine), mine[0]["nominal"]]
        )
    first = ("effects and true shares", "") if of_variance else ("what", "")
    unit = "prompts and seeds" if of_variance else "prompts"
    return table((*first, f"{sizes[0]} {unit}", *map(str, sizes[1:]), "wanted"), lines)
