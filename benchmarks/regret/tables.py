"""The tables of docs/findings/seeds.md, in Markdown, from a collection's numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.regret.curves import GOALS
from underpainting.findings.intervals import ENOUGH

TITLES = {
    "random": "random, or position alone",
    "noise": "initial noise, local linear",
    "estimator": "estimator on the predicted clean picture",
    "probe": "probe",
}
MINUS = "\u2212"
Numbers = Mapping[str, Any]


def markdown(results: Numbers) -> str:
    """All tables, and in sentences whether what was aimed at is so."""
    parts = [_of_goals(results, share) for share, _, _ in GOALS]
    tables = [_by_wish(results), _searches(results), _paired(results), _layout(results)]
    return "\n\n".join([_about(results), *parts, *tables])


def _about(results: Numbers) -> str:
    machine, spent = results["machine"], {name: 1000 * of for name, of in results["seconds"].items()}
    return (
        f"{results['prompts']} test prompts, {results['seeds']} seeds of each, six wishes "
        f"({', '.join(results['wishes'])}), {results['steps']} steps. On {machine['processor']} with "
        f"{machine['threads']} threads, a picture of a batch takes {spent['begin']:.0f} ms to begin, "
        f"{spent['step']:.0f} ms a step, {spent['read probe']:.1f} ms to be read by probes at a step, "
        f"{spent['decode']:.0f} ms to be decoded and {spent['label']:.0f} ms to be estimated."
    )


def _of_goals(results: Numbers, share: float) -> str:
    rows = [row for row in results["goals"] if row["share"] == share]
    table = [
        [
            TITLES[row["source"]],
            _finished(row["schedule"]),
            _percent(row["evaluations"]),
            _percent(row["wall"]),
            _interval(row["ratio"]),
            _interval(row["gain"]),
        ]
        for row in rows
    ]
    head = ["seeds are chosen by", "finished", "evaluations", "wall time", "ratio", "gain"]
    (probe,) = [row for row in rows if row["source"] == "probe"]
    verdict = (
        f"Aimed at was a ratio of at least {probe['least']:.2f} by the probe, which "
        f"{'is' if probe['reached'] else 'is not'} reached: {_interval(probe['ratio'])}."
    )
    return f"At {_percent(share)} of the evaluations:\n\n{_table(head, table)}\n\n{verdict}"


def _by_wish(results: Numbers) -> str:
    share = GOALS[0][0]
    rows = [row for row in results["goals"] if row["share"] == share]
    head = ["ratio, by wish", *(TITLES[row["source"]] for row in rows)]
    table = [[wish, *(_interval(row["by_wish"][wish]) for row in rows)] for wish in results["wishes"]]
    return _table(head, table)


def _searches(results: Numbers) -> str:
    table = [
        [
            f"{TITLES[row['source']]}: {row['schedule']}",
            _percent(row["evaluations"]),
            _percent(row["wall"]),
            _interval(row["ratio"]),
            _interval(row["kept"]),
        ]
        for row in results["points"]
        if row["is_search"]
    ]
    return _table(["as a search chooses", "evaluations", "wall time", "ratio", "mean of the finished"], table)


def _paired(results: Numbers) -> str:
    names = {"evaluations": "evaluations", "wall": "wall time"}
    table = [
        [
            TITLES[row["against"]],
            names[row["by"]],
            "all together" if row["at"] == "mean" else _percent(float(row["at"])),
            _interval(row, 3),
            _verdict(row) if results["prompts"] >= ENOUGH else "",
        ]
        for row in results["paired"]
        if row["at"] == "mean" or (row["by"], row["against"]) == ("wall", "estimator")
    ]
    head = ["the probe's regret less that of", "at equal", "share", "difference", "the probe's is"]
    return _table(head, table)


def _layout(results: Numbers) -> str:
    quantities = [name for name in results["layout"][0] if name not in ("source", "step")]
    table = [
        [
            TITLES[row["source"]] + (f", step {row['step']}" if row["step"] else ""),
            *(_number(row[name]["mean"]) for name in quantities),
        ]
        for row in results["layout"]
    ]
    return _table(["predicted by", *quantities], table)


def _finished(schedule: str) -> str:
    kept, _, step = schedule.partition(" after ")
    return f"{kept} after step {step}" if step != "0" else f"{kept} before any"


def _verdict(row: Numbers) -> str:
    return "smaller" if row["high"] < 0 else "larger" if row["low"] > 0 else "level"


def _interval(row: Numbers, digits: int = 2) -> str:
    mean, low, high = (_number(row[name], digits) for name in ("mean", "low", "high"))
    return mean if row["low"] is None else f"{mean} ({low} to {high})"


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}".replace("-", MINUS)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
