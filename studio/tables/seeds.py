"""What seeds decide, whether choosing them pays, and what less work from a step on costs."""

from __future__ import annotations

from typing import Any

from studio.tables.cells import number, table, within
from studio.tables.files import answer
from underpainting.findings.shortened import ANOTHER, FEWER, KERNEL, LARGER, UNGUIDED, title

WAYS = (UNGUIDED, LARGER, FEWER, ANOTHER)
PROPERTIES = ("saliency", "depth", "shading")


def decided() -> str:
    """What the seed, the prompt and only both together decide of finished pictures' layout."""
    rows = [
        [
            f"`{r['quantity']}`",
            *(number(r[key], 3) for key in ("deviation", "within")),
            *(within(r, (of, f"{of}_low", f"{of}_high")) for of in ("seed", "prompt", "together")),
        ]
        for r in answer("seeds", " variance ")
        if r["step"] == 0
    ]
    head = ("quantity", "standard deviation", "within one prompt", "the seed", "the prompt")
    return table((*head, "only both together"), rows)


def shortened() -> str:
    """What is kept of whole pictures where the last steps had less work."""
    cells: dict[tuple[Any, ...], dict[str, Any]] = {}
    for r in answer("seeds", " shorten "):
        cells[r["way"], r["step"], r["property"], r["metric"]] = r
    ways = sorted(
        {key[:2] for key in cells if key[0] in WAYS},
        key=lambda way: (cells[*way, "saliency", "own"]["rows"], WAYS.index(way[0])),
    )
    rows = [
        [
            title(*way).strip("()"),
            f"{cells[*way, 'saliency', 'own']['rows']:g}",
            *(within(cells[*way, name, "own"]) for name in PROPERTIES),
            within(cells[*way, "", "class_kept"]),
            within(cells[*way, "", KERNEL], digits=3),
        ]
        for way in ways
    ]
    kept = ("saliency kept, Dice", "depth kept, rank", "shading kept, rank", "class kept")
    return table(("made with", "rows", *kept, "kernel distance"), rows)


def regret() -> str:
    """Regret of every way to choose seeds, as `benchmarks.regret` prints it."""
    return "\n".join(answer("regret", " benchmarks.regret ")).strip() + "\n"
