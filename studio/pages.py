"""Puts the tables and pictures of ``figures/`` where pages show them: ``python -m studio.pages``.

A table stands in its page between ``<!-- figures: NAME -->`` and ``<!-- end -->``; what is between is written
anew, by the function of that name in TABLES. PICTURES are copied. With ``--check`` nothing is written, and
what is not as in ``figures/`` ends the command with 1.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from underpainting.controls import sources
from underpainting.findings.interventions import conditions
from underpainting.vocabulary import METRICS

FIGURES = Path(__file__).resolve().parent.parent / "figures"
SCREENS = ("watch", "drag", "moved", "seeds", "phone")
PAGES = ("README.md", "docs/demo.md", "docs/findings/emergence.md", "docs/findings/interventions.md")
PICTURES = {
    "docs/gallery.png": "gallery.png",
    "docs/interventions.png": "experiment-interventions-saliency.png",
    **{f"docs/page-{name}.webp": f"screens-page-{name}.webp" for name in SCREENS},
}
MINUS = "\u2212"
MARKED = re.compile(r"(<!-- figures: ([a-z-]+) -->\n).*?(<!-- end -->)", flags=re.S)
CONTROLS = ("position", "shuffled", "latents:noisy", "latents:clean", "decoder", "luminance")
ESTIMATORS = ("estimator:noisy", "estimator:scaled", "estimator:clean")
Rows = Iterable[Sequence[object]]


def demo_scores() -> str:
    """Each property's scores at its best layer and the last step, a column a source."""
    rows, last = _csv("demo-scores"), _last("demo-scores")
    means = {(r["property"], r["metric"], r["source"]): float(r["mean"]) for r in rows if r["step"] in last}
    layers = {r["property"]: r["layer"] for r in rows}
    shown = ("probe", "ceiling", *CONTROLS)
    return table(
        ("property", "layer", "score", "probe", "ceiling", *map(_source, CONTROLS)),
        (
            (
                name,
                f"`{layers[name]}`",
                METRICS[metric],
                *(_score(means.get((name, metric, s))) for s in shown),
            )
            for name, metric in dict.fromkeys((r["property"], r["metric"]) for r in rows)
            if metric != "rmse"
        ),
    )


def demo_emergence() -> str:
    """The step at which each property emerges, over layers."""
    return table(
        ("property", "emerges at step", "95 % interval", "draws of prompts that reach it"),
        ((r["property"], _step(r), _interval(r), f"{100 * float(r['reached']):.0f} %") for r in _emerged()),
    )


def demo_leads() -> str:
    """From which step each reader is at the bar, and by how many steps the probe is ahead of it."""
    leads = {(r["property"], r["source"]): r for r in _csv("demo-leads")}
    bars = {(r["property"], r["source"]): r for r in _best("bar")}
    rows = []
    for name in dict.fromkeys(property for property, _ in leads):
        for source in ("probe", *CONTROLS, *ESTIMATORS):
            bar, lead = bars.get((name, source)), leads.get((name, source))
            if bar is not None and (lead or source == "probe"):
                rows.append([name, _source(source), _step(bar), _interval(bar), *_lead(lead)])
    head = ("property", "source", "at the bar from step", "95 % interval", "probe ahead by", "95 % interval")
    return table((*head, "p (Holm)"), rows)


def demo_summary() -> str:
    """One row a property: its best layer at the last step beside its ceiling and strongest control."""
    emerged = {r["property"]: r for r in _emerged()}
    (answer,) = [a for command, a in _made("demo")["answers"].items() if command.endswith("demo --json")]
    rows = []
    for name in emerged:
        row = next(row for row in answer if row["property"] == name and row["metric"] in ("dice", "spearman"))
        source, most = max(
            ((source, row["scores"][source]) for source in CONTROLS if source in row["scores"]),
            key=lambda pair: pair[1],
        )
        step = f"{_step(emerged[name])} ({_interval(emerged[name])})"
        control = f"{most:.2f} {_source(source)}"
        scores = (f"{row['scores'][key]:.2f}" for key in ("probe", "ceiling"))
        rows.append([name, f"`{row['layer']}`", METRICS[row["metric"]], *scores, control, step])
    head = ("property", "layer", "metric", "probe", "ceiling", "strongest control", "emerges at step")
    return table(head, rows)


def moved_edits() -> str:
    """What an edit that moves the object does, beside the controls that could explain it."""
    shown = ("null", "intervened", "random", "shuffled_probe", "read_part", "unread_part", "erased")
    shown = (*shown, "wrong_target", "late", "own_mask", "moved_picture")
    means, kernel = _moved()
    rows = []
    for name in shown:
        row = means[name, "saliency", "target"]
        cells = [_two(means[name, "", metric]) for metric in ("class_kept", "background_change")]
        rows.append([_title(name), _two(row), _above(row), *cells, _distance(kernel.get(name))])
    head = ("activations", "Dice with the target", "edit above it", "class kept", "background change")
    return table((*head, "kernel distance"), rows)


def moved_ways() -> str:
    """What a person would try to move an object, beside the edits."""
    shown = ("null", "intervened", "covariance", "another_seed", "noise_rolled", "noise_moved")
    means, kernel = _moved()
    cells = ("class_kept", "background_change", "evaluations")
    rows = [
        [
            _title(name),
            _two(means[name, "saliency", "target"]),
            *(_two(means[name, "", metric]) for metric in cells[:2]),
            f"{means[name, '', 'evaluations']['mean']:.0f}",
            _distance(kernel.get(name)),
        ]
        for name in (*shown, "sdedit", "held", "moved_picture")
    ]
    head = ("way", "Dice with the target", "class kept", "background change", "network evaluations")
    return table((*head, "kernel distance"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "demo-scores": demo_scores,
    "demo-emergence": demo_emergence,
    "demo-leads": demo_leads,
    "demo-summary": demo_summary,
    "moved-edits": moved_edits,
    "moved-ways": moved_ways,
}


def filled(text: str) -> str:
    """A page's text with its tables as the files have them. Raises KeyError for a table of no such name."""
    return MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", text)


def alike(one: Path, other: Path) -> bool:
    """Whether two files hold the same."""
    return one.exists() and one.read_bytes() == other.read_bytes()


def table(head: Sequence[str], rows: Rows) -> str:
    """A table of Markdown, with a line's end after its last row."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _made(name: str) -> dict[str, Any]:
    return dict(json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8")))


def _csv(name: str) -> list[dict[str, str]]:
    with (FIGURES / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _last(name: str) -> tuple[str, ...]:
    """The last step, and what stands for a score that is the same at all steps."""
    return str(max(int(r["step"]) for r in _csv(name) if r["step"])), ""


def _moved() -> tuple[dict[tuple[str, str, str], dict[str, Any]], dict[str, dict[str, float]]]:
    """Rows of the experiment by condition, property and metric, and kernel distances by condition."""
    answers = _made("experiment")["answers"]
    (rows,) = [answer for command, answer in answers.items() if " experiment " in command]
    found = {(r["condition"], r["property"], r["metric"]): r for r in rows}
    return found, dict(answers["distances.json"]["kernel"])


def _title(name: str) -> str:
    """What a condition is called: with "edited" in bold."""
    title = conditions()[name].title
    return f"**{title}**" if name == "intervened" else title


def _above(row: dict[str, Any]) -> str:
    """By how much the edit's score is above a condition's; nothing for the edit itself."""
    if row["above"] is None:
        return ""
    mean, low, high = (f"{row[key]:+.2f}" for key in ("above", "above_low", "above_high"))
    return f"{mean} ({low} to {high})".replace("-", MINUS)


def _two(row: dict[str, Any]) -> str:
    return f"{row['mean']:.3f}" if row["metric"] == "background_change" else f"{row['mean']:.2f}"


def _distance(found: dict[str, float] | None) -> str:
    if found is None:
        return "0"
    mean, low, high = (f"{found[key]:.3f}".replace("-", MINUS) for key in ("mean", "low", "high"))
    return f"{mean} ({low} to {high})"


def _best(criterion: str) -> list[dict[str, str]]:
    """Steps by a criterion, of every source over layers."""
    return [r for r in _csv("demo-emergence") if r["layer"] == "best" and r["criterion"] == criterion]


def _emerged() -> list[dict[str, str]]:
    return [r for r in _best("emergence") if r["source"] == "probe"]


def _source(key: str) -> str:
    return sources()[key].title


def _score(mean: float | None) -> str:
    return "" if mean is None or math.isnan(mean) else f"{mean:.3f}".replace("-", MINUS)


def _step(row: dict[str, str]) -> str:
    return row["step"] or "not reached"


def _interval(row: dict[str, str]) -> str:
    if row["low"] and not row["high"]:
        return f"{row['low']} or later"
    return f"{row['low']} to {row['high']}" if row["low"] else ""


def _lead(row: dict[str, str] | None) -> list[str]:
    if row is None:
        return ["", "", ""]
    steps, low, high = (f"{float(row[key]):.1f}".replace("-", MINUS) for key in ("steps", "low", "high"))
    return [f"{steps} steps", f"{low} to {high}", f"{float(row['p_holm']):.2g}"]


def main(arguments: list[str] | None = None) -> None:
    """Writes the pages, or says which are not as the files."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--check", action="store_true", help="write nothing")
    args = cli.parse_args(arguments)
    others = [name for name, file in PICTURES.items() if not alike(FIGURES.parent / name, FIGURES / file)]
    for name in [] if args.check else others:
        shutil.copyfile(FIGURES / PICTURES[name], FIGURES.parent / name)
    for name in PAGES:
        page = FIGURES.parent / name
        text = page.read_text(encoding="utf-8")
        if filled(text) != text:
            others.append(name)
            if not args.check:
                page.write_text(filled(text), encoding="utf-8")
    said = "not as figures/ has it" if args.check else "written"
    for name in others:
        print(f"{name}: {said}")
    if others and args.check:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
