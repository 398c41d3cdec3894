"""What the demo found: scores, emergence and leads."""

from __future__ import annotations

from studio.tables.cells import number, step, steps_within, table, title
from studio.tables.files import Row, answer, csv_rows
from underpainting.vocabulary import METRICS

CONTROLS = ("position", "shuffled", "latents:noisy", "latents:clean", "decoder", "luminance")
ESTIMATORS = ("estimator:noisy", "estimator:scaled", "estimator:clean")


def scores() -> str:
    """Each property's scores at its best layer and the last step, a column a source."""
    rows = csv_rows("demo-scores")
    last = str(max(int(r["step"]) for r in rows if r["step"])), ""  # the latter: the same at all steps
    means = {(r["property"], r["metric"], r["source"]): float(r["mean"]) for r in rows if r["step"] in last}
    layers = {r["property"]: r["layer"] for r in rows}
    shown = ("probe", "ceiling", *CONTROLS)
    return table(
        ("property", "layer", "score", "probe", "ceiling", *map(title, CONTROLS)),
        (
            (
                name,
                f"`{layers[name]}`",
                METRICS[metric],
                *(number(means.get((name, metric, source)), 3) for source in shown),
            )
            for name, metric in dict.fromkeys((r["property"], r["metric"]) for r in rows)
            if metric != "rmse"
        ),
    )


def emergence() -> str:
    """The step at which each property emerges, over layers."""
    return table(
        ("property", "emerges at step", "95 % interval", "draws of prompts that reach it"),
        (
            (r["property"], step(r), steps_within(r), f"{100 * float(r['reached']):.0f} %")
            for r in _best("emergence")
            if r["source"] == "probe"
        ),
    )


def leads() -> str:
    """From which step each reader is at the bar, and by how many steps the probe is ahead of it."""
    ahead = {(r["property"], r["source"]): r for r in csv_rows("demo-leads")}
    bars = {(r["property"], r["source"]): r for r in _best("bar")}
    rows = []
    for name in dict.fromkeys(property for property, _ in ahead):
        for source in ("probe", *CONTROLS, *ESTIMATORS):
            bar, lead = bars.get((name, source)), ahead.get((name, source))
            if bar is not None and (lead or source == "probe"):
                rows.append([name, title(source), step(bar), steps_within(bar), *_lead(lead)])
    head = ("property", "source", "at the bar from step", "95 % interval", "probe ahead by", "95 % interval")
    return table((*head, "p (Holm)"), rows)


def summary() -> str:
    """One row a property: its best layer at the last step beside its ceiling and strongest control."""
    emerged = {r["property"]: r for r in _best("emergence") if r["source"] == "probe"}
    rows = []
    for name in emerged:
        row = next(
            row
            for row in answer("demo", "demo --json")
            if row["property"] == name and row["metric"] in ("dice", "spearman")
        )
        source, most = max(
            ((source, row["scores"][source]) for source in CONTROLS if source in row["scores"]),
            key=lambda pair: pair[1],
        )
        when = f"{step(emerged[name])} ({steps_within(emerged[name])})"
        control = f"{most:.2f} {title(source)}"
        told = (f"{row['scores'][key]:.2f}" for key in ("probe", "ceiling"))
        rows.append([name, f"`{row['layer']}`", METRICS[row["metric"]], *told, control, when])
    head = ("property", "layer", "metric", "probe", "ceiling", "strongest control", "emerges at step")
    return table(head, rows)


def _best(criterion: str) -> list[Row]:
    """Steps by a criterion, of every source over layers."""
    return [r for r in csv_rows("demo-emergence") if r["layer"] == "best" and r["criterion"] == criterion]


def _lead(row: Row | None) -> list[str]:
    if row is None:
        return ["", "", ""]
    steps, low, high = (number(float(row[key]), 1) for key in ("steps", "low", "high"))
    return [f"{steps} steps", f"{low} to {high}", f"{float(row['p_holm']):.2g}"]
