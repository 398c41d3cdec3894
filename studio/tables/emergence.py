"""When each property is there, beside every control: the study of all controls, and what was asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from studio.tables.cells import number, step, steps_within, sure, surely, table, title, within
from studio.tables.files import Row, answer, csv_rows
from underpainting.controls import sources

PROPERTIES = {"saliency": "dice", "depth": "spearman", "shading": "spearman"}
PRECISE = {"saliency": "average_precision", "depth": "spearman", "shading": "spearman"}
STEPS = (1, 3, 8, 15)
CHANGED = ("difference", "low", "high")
DIFFERENCE = ("difference", "difference_low", "difference_high")


def summary() -> str:
    """Each property's probe, ceiling and strongest control at the end, and from which step it is there."""
    steps = {(r["property"], r["criterion"]): r for r in _best() if r["source"] == "probe"}
    last = {(r["property"], r["metric"], r["source"]): r for r in csv_rows("full-scores")}
    rows = []
    for name, metric in PROPERTIES.items():
        probe, ceiling = last[name, metric, "probe"], last[name, metric, "ceiling"]
        end = max(int(r["step"]) for r in csv_rows("full-against") if r["property"] == name)
        rivals = [r for (of, at), r in _against().items() if of[0] == name and at == end and _explains(of[1])]
        strongest = min(rivals, key=lambda row: float(row["mean"]))
        rows.append(
            [
                name,
                f"`{probe['layer']}`",
                within(probe),
                number(float(ceiling["mean"])),
                f"{title(strongest['control'])}: {number(float(strongest['score']))}",
                *(_when(steps[name, criterion]) for criterion in ("emergence", "bar")),
            ]
        )
    head = ("property", "layer", "probe at the last step", "ceiling", "strongest control", "emerges at step")
    return table((*head, "at the common bar from step"), rows)


def against() -> str:
    """The probe's score less each control's, at the common bar and at the last step."""
    bars = {
        r["property"]: int(r["step"]) for r in _best() if (r["source"], r["criterion"]) == ("probe", "bar")
    }
    end = max(int(r["step"]) for r in csv_rows("full-against"))
    columns = [(name, at) for name in PROPERTIES for at in (bars[name], end)]
    cells = _against()
    rows = []
    for key in sources():
        row = [cells.get(((name, key), at)) for name, at in columns]
        if any(row):
            rows.append([title(key), *(_ahead(cell) for cell in row)])
    return table(("control", *(f"{name}, step {at}" for name, at in columns)), rows)


def truth() -> str:
    """The probes on renders against what the renderer knows, beside the estimator's maps of them."""
    found = answer("truth", "truth.json")
    rows = []
    for key, told in (
        ("truth", "the renderer's own map"),
        ("estimator", "the estimator's map of the render"),
    ):
        curves = found["probe_against"][key]
        rows.append(
            [told, *(_numbers([curves[name][at - 1] for at in (1, 4, 8, 15)]) for name in PROPERTIES)]
        )
    versions = found["estimator_against_truth"]
    both = [_numbers([versions[of][name] for of in ("render", "autoencoded")]) for name in PROPERTIES]
    rows.append(["the estimator against the renderer: render, after the autoencoder", *both])
    return table(("against", "saliency, step 1, 4, 8, 15", *list(PROPERTIES)[1:]), rows)


def nonlinear() -> str:
    """Probes of other kinds at the best layers, on the same test pictures."""
    found = {(r["property"], r["metric"], r["step"]): r for r in answer("nonlinear", " nonlinear ")}
    kinds = {
        "solved": "the study's linear probe",
        "gradient": "the published one, by gradient",
        "two_layer": "two layers, by gradient",
        "stacked": "last layers of all blocks side by side, linear",
    }
    rows = [
        [told, *(_numbers([found[*of, at][kind] for at in STEPS]) for of in PRECISE.items())]
        for kind, told in kinds.items()
    ]
    gains = [[found[*of, at] for at in STEPS] for of in PRECISE.items()]
    of = ("gain", "low", "high")
    rows.append(
        ["gain of two layers over the study's", *(", ".join(surely(r, of, 3) for r in g) for g in gains)]
    )
    return table(("probe", "saliency, steps 1, 3, 8, 15", *list(PROPERTIES)[1:]), rows)


def stream() -> str:
    """Scores of the residual stream less those of self-attention, each at its own best layers."""
    rows = []
    for name, metric in PROPERTIES.items():
        found = [_of_stream(at, name, metric) for at in STEPS]
        layers = ", ".join(f"`{row['layer']}`" for row in reversed(found[-1]))
        rows.append([f"{name} ({layers})", *(surely(row, DIFFERENCE) for _, row in found)])
    return table(("the stream less self-attention, at step", *map(str, STEPS)), rows)


def transfer() -> str:
    """Scores on pictures unlike those fitted on, less those of probes that know such pictures."""
    found = {
        (r["unlike"], r["property"], r["metric"], r["step"]): r for r in answer("transfer", " transfer ")
    }
    names = dict.fromkeys(key[0] for key in found)
    known = [_numbers([found["all", *of, at]["known"] for at in STEPS]) for of in PRECISE.items()]
    rows: list[list[str]] = [["known pictures", *known]]
    words = {"all": "each class left out of its probe's fitting, all ten together"}
    words |= {
        name: "pairs of class and colour that the model never saw" for name in names if name.endswith(".csv")
    }
    words |= {"empty prompt": "no prompt, same seeds"}
    for name, told in words.items():
        cells = [", ".join(sure(found[name, *of, at], CHANGED) for at in STEPS) for of in PRECISE.items()]
        rows.append([told, *cells])
    return table(("pictures", "saliency, steps 1, 3, 8, 15", *list(PROPERTIES)[1:]), rows)


def _best() -> list[Row]:
    return [r for r in csv_rows("full-emergence") if r["layer"] == "best"]


def _against() -> dict[tuple[tuple[str, str], int], Row]:
    return {((r["property"], r["control"]), int(r["step"])): r for r in csv_rows("full-against")}


def _explains(control: str) -> bool:
    return sources()[control].explains is not None


def _when(row: Row) -> str:
    return f"{step(row)} ({steps_within(row)})"


def _ahead(row: Row | None) -> str:
    """A difference: bold where the probe is below, with a word where the interval leaves in zero."""
    if row is None:
        return ""
    mean, low, high = (float(row[key]) for key in ("mean", "low", "high"))
    told = number(mean, sign=True)
    return f"**{told}**" if high < 0 else told if low > 0 else f"{told} (level)"


def _of_stream(at: int, name: str, metric: str) -> Sequence[dict[str, Any]]:
    """Self-attention's row and the stream's."""
    rows = answer("stream", f"--step {at} ")
    one, other = (r for r in rows if (r["property"], r["metric"]) == (name, metric))
    return one, other


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(number(value) for value in values)
