"""What edits of activations did: the experiment, its settings varied, other aims, and erasing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from studio.tables.cells import number, surely, table, within
from studio.tables.files import answer
from underpainting.findings.erasure import title as erased
from underpainting.findings.interventions import EVALUATIONS, KEPT, RIGHT, conditions

TARGET, BACKGROUND = "target", "background_change"
CONTROLS = ("null", "intervened", "random", "shuffled_probe")
ABOVE = ("above", "above_low", "above_high")
Means = dict[tuple[str, str, str], dict[str, Any]]


def edits() -> str:
    """What an edit that moves the object does, beside the controls that could explain it."""
    shown = (*CONTROLS, "read_part", "unread_part", "erased", "wrong_target", "late", "own_mask")
    means, kernel = _means("experiment", " experiment "), _kernel()
    rows = []
    for name in (*shown, "moved_picture"):
        row = means[name, "saliency", TARGET]
        rows.append([_title(name), number(row["mean"]), _above(row), *_kept(means, name), _far(kernel, name)])
    head = ("activations", "Dice with the target", "edit above it", "class kept", "background change")
    return table((*head, "kernel distance"), rows)


def ways() -> str:
    """What a person would try to move an object, beside the edits."""
    shown = ("null", "intervened", "covariance", "another_seed", "noise_rolled", "noise_moved", "sdedit")
    means, kernel = _means("experiment", " experiment "), _kernel()
    rows = [
        [
            _title(name),
            number(means[name, "saliency", TARGET]["mean"]),
            *_kept(means, name),
            f"{means[name, '', EVALUATIONS]['mean']:.0f}",
            _far(kernel, name),
        ]
        for name in (*shown, "held", "moved_picture")
    ]
    head = ("way", "Dice with the target", "class kept", "background change", "network evaluations")
    return table((*head, "kernel distance"), rows)


def through_probes() -> str:
    """What an edit through the probes alone does, beside its controls."""
    means = _means("through-probes", " experiment ")
    rows = []
    for name in (*CONTROLS, "wrong_target", "late", "own_mask"):
        row = means[name, "saliency", TARGET]
        rows.append(
            [
                _title(name),
                number(row["mean"]),
                _above(row),
                *(number(means[name, "", of]["mean"]) for of in (KEPT, RIGHT)),
            ]
        )
    head = ("activations", "Dice with the target", "edit above it", "class kept", "class right")
    return table(head, rows)


def depth_and_shading() -> str:
    """Edits that aim at depth and at shading, beside their controls."""
    shown = (*CONTROLS, "wrong_target", "late", "own_mask", "moved_picture")
    rows = []
    for aim in ("depth", "shading"):
        means = _means("depth-and-shading", f" --aim {aim} ", aim)
        cells = [number(means[name, aim, TARGET]["mean"]) for name in shown]
        kept = [number(means[name, "", KEPT]["mean"]) for name in shown]
        above = [_above(means[name, aim, TARGET]) for name in shown]
        rows += [[f"**{aim}**", *cells], ["edit above it", *above], ["class kept", *kept]]
    return table(("rank with the moved map", *(conditions()[name].title for name in shown)), rows)


def varied() -> str:
    """The chosen edit with one of its settings changed."""
    means = _means("vary", " --vary ")
    names = dict.fromkeys(condition for condition, *_ in means)
    rows = []
    for name in names:
        scores = means[name, "saliency", TARGET], means[name, "saliency", "target_if_kept"]
        told = _title(name) if name in conditions() else name
        rows.append([told, *map(within, scores), *_kept(means, name)])
    head = ("changed", "Dice with the target", "Dice, 0 where the class is lost", "class kept")
    return table((*head, "background change"), rows)


def erasures() -> str:
    """What is kept of a picture while what a probe reads is erased from its activations."""
    found = answer("erase", "underpainting erase ")
    kept = {(r["condition"], r["property"], r["metric"], r["place"]): r for r in found}
    rows = []
    for name in dict.fromkeys(r["condition"] for r in found):
        whole = kept.get((name, "saliency", "own", ""))
        read = next((r for (of, _, _, place), r in kept.items() if of == name and place == "erased"), None)
        others = [kept.get((name, of, "own", "")) for of in ("depth", "shading")]
        others += [kept.get((name, "", metric, "")) for metric in (KEPT, "change")]
        rows.append(
            [
                f"**{erased(name)}**" if name == "erased" else erased(name),
                within(whole) if whole else "",
                surely(whole, ABOVE) if whole and name != "erased" and whole["above"] is not None else "",
                *(number(row["mean"]) if row else "" for row in (*others, read)),
            ]
        )
    head = ("erased", "saliency kept, Dice", "erased less it", "depth kept", "shading kept", "class kept")
    return table((*head, "change", "saliency read there"), rows)


def _means(item: str, words: str, aim: str = "saliency") -> Means:
    """An experiment's rows by condition, property and metric."""
    rows = [r for r in answer(item, words) if r["aim"] == aim]
    return {(r["condition"], r["property"], r["metric"]): r for r in rows}


def _kernel() -> dict[str, dict[str, float]]:
    """Kernel distances of the experiment's pictures by condition."""
    return dict(answer("experiment", "distances.json")["kernel"])


def _title(name: str) -> str:
    """What a condition is called: with "edited" in bold."""
    told = conditions()[name].title
    return f"**{told}**" if name == "intervened" else told


def _above(row: dict[str, Any]) -> str:
    """By how much the edit's score is above a condition's; nothing for the edit itself."""
    return "" if row["above"] is None else within(row, ABOVE, sign=True)


def _kept(means: Means, name: str) -> Sequence[str]:
    return number(means[name, "", KEPT]["mean"]), number(means[name, "", BACKGROUND]["mean"], 3)


def _far(kernel: dict[str, dict[str, float]], name: str) -> str:
    return within(kernel[name], digits=3) if name in kernel else "0"
