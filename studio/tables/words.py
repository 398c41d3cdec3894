"""Where attention is paid to the object's word, beside the probe and position alone."""

from __future__ import annotations

from studio.tables.cells import number, table, title
from studio.tables.files import answer

STEPS = (1, 4, 8, 15)


def scores() -> str:
    """Scores of saliency by step: attention to the object's word, position alone, the probe."""
    found = answer("words", " studio.words ")["by_step"]
    means = {(r["source"], r["metric"], r["step"]): r["mean"] for r in found}
    metrics = {"average_precision": "average precision", "dice": "Dice"}
    return table(
        ("source", *(f"{told}, step {', '.join(map(str, STEPS))}" for told in metrics.values())),
        (
            [
                title(source),
                *(", ".join(_at(means, source, metric, at) for at in STEPS) for metric in metrics),
            ]
            for source in ("words", "position", "probe")
        ),
    )


def objects() -> str:
    """Mean average precision of the attention to each object's word."""
    found = answer("words", " studio.words ")["by_object"]
    return table([f"`{name}`" for name in found], [[number(value) for value in found.values()]])


def _at(means: dict[tuple[str, str, int], float], source: str, metric: str, step: int) -> str:
    """A score at a step, or the one that is the same at all."""
    return number(means.get((source, metric, step), means.get((source, metric, 0))))
