"""The report's tables, one function each; figures and sentences are made from these."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from underpainting.findings.table import LOOKS, READERS
from underpainting.report.intervals import Estimate, estimates
from underpainting.report.reading import Study

MAIN = {"dice": ("dice",), "spearman": ("spearman", "pearson")}
FURTHER = {"dice": ("average_precision",), "spearman": ("spearman_centred", "pearson_centred")}
PARTS = {"dice": (), "spearman": ("spearman_object", "spearman_background")}
METRICS = {
    "dice": "Dice",
    "average_precision": "average precision",
    "spearman": "rank",
    "pearson": "linear",
    "rmse": "RMSE",
    "spearman_centred": "rank",
    "pearson_centred": "linear",
    "spearman_object": "on the object",
    "spearman_background": "on the background",
}
SOURCES = {
    "probe": "Probe",
    "unconditional": "Unconditional branch",
    "decoder": "Decoder\u2019s attention",
    "permuted": "Weights permuted",
    "fresh": "Untrained network",
    "permuted-own": "Weights permuted, own trajectory",
    "fresh-own": "Untrained network, own trajectory",
    "latents:clean": "Clean latents",
    "latents:noisy": "Noisy latents",
    "network:clean": "Network, clean latents",
    "network:noisy": "Network, noisy latents",
    "shuffled": "Shuffled labels",
    "position": "Position only",
    "luminance": "Picture\u2019s luminance",
    "ceiling": "Grid\u2019s ceiling",
    "gain": "Probe over position",
}
SCORED = tuple(source for source in SOURCES if source != "gain")
BY_STEP = ("probe", "latents:clean", "latents:noisy", "shuffled", "position", "ceiling")
NETWORKS = (
    "unconditional",
    "network:clean",
    "network:noisy",
    "decoder",
    "permuted",
    "fresh",
    "permuted-own",
    "fresh-own",
)


@dataclass(frozen=True)
class Property:
    """A property with the layer and metric that its card names (chosen on the calibrate split)."""

    name: str
    metric: str
    layer: str

    @property
    def kind(self) -> str:
        """`dice` for a mask, `spearman` for a continuous map."""
        return "dice" if self.metric == "dice" else "spearman"


@dataclass(frozen=True)
class ScoreRow:
    """A mean over test pictures; source `gain` is probe minus position only, picture by picture."""

    name: str
    layer: str
    step: int
    source: str
    metric: str
    estimate: Estimate


@dataclass(frozen=True)
class LayerTable:
    """Mean score of the probe by layer and step: `means` [layer][step - 1], layers in network order."""

    name: str
    metric: str
    best_layer: str
    layers: tuple[str, ...]
    means: tuple[tuple[float, ...], ...]
    position: float
    ceiling: float


@dataclass(frozen=True)
class Finding:
    """What the numbers say of one property: its headline score and a sentence for each comparison."""

    name: str
    row: ScoreRow
    sentences: tuple[str, ...]


def properties(study: Study) -> tuple[Property, ...]:
    """The card's properties; saliency, depth and shading first, then a user's own in the card's order."""
    order = ("saliency", "depth", "shading")
    named = study.card["properties"]
    names = [*(name for name in order if name in named), *(name for name in named if name not in order)]
    return tuple(Property(name, named[name]["metric"], named[name]["best_layer"]) for name in names)


def score_table(study: Study) -> tuple[ScoreRow, ...]:
    """Every metric and source of every property at its best layer and the last step."""
    rows = []
    for found in properties(study):
        for metric in METRICS:
            if (found.name, metric, "probe") in study.scores.cubes:
                rows += _rows(study, found, metric, study.scores.steps, tuple(SOURCES))
    return tuple(rows)


def step_table(study: Study) -> tuple[ScoreRow, ...]:
    """Main metric at the best layer by step: the probe, its controls, and the lines they run between."""
    rows = []
    for found in properties(study):
        for step in range(1, study.scores.steps + 1):
            rows += _rows(study, found, found.metric, step, BY_STEP)
    return tuple(rows)


def look_table(study: Study) -> tuple[ScoreRow, ...]:
    """Main metric by step of estimators that look at every step, and of the probe on the same pictures."""
    rows = []
    for found in properties(study):
        for step in range(1, study.scores.steps + 1):
            at = {
                source: study.scores.at(found.name, found.metric, source, found.layer, step)
                for source in ("probe", *LOOKS)
            }
            seen = np.isfinite([at[source] for source in LOOKS]).any(0)
            at["probe"] = np.where(seen, at["probe"], np.nan)
            if seen.any():
                rows += _score_rows(study, found, found.metric, step, at)
    return tuple(rows)


def network_table(study: Study) -> tuple[ScoreRow, ...]:
    """Main metric at the best layer by step of the probe, and of the same read off other networks."""
    rows = []
    for found in properties(study):
        present = [of for of in NETWORKS if (found.name, found.metric, of) in study.scores.cubes]
        for step in range(1, study.scores.steps + 1) if present else ():
            rows += _rows(study, found, found.metric, step, ("probe", *present))
    return tuple(rows)


@dataclass(frozen=True)
class Arrival:
    """From which step a reader is at the common bar, and above the probe; None is never."""

    name: str
    reader: str
    bar: tuple[int | None, int | None, int | None]
    above: tuple[int | None, int | None, int | None] | None


def arrivals(study: Study) -> tuple[Arrival, ...]:
    """When probe and opponents reach 0.9 of the probe's last score, at the emergence table's best layers."""
    of = {
        (row["property"], row["source"], row["criterion"]): (row["step"], row["low"], row["high"])
        for row in study.emergence
        if row["layer"] == "best"
    }
    return tuple(
        Arrival(found.name, words, of[key], of.get((found.name, source, "overtakes")))
        for found in properties(study)
        for source, words in READERS.items()
        if (key := (found.name, source, "bar")) in of
    )


def layer_table(study: Study) -> tuple[LayerTable, ...]:
    """Main metric of the probe by layer and step, a table a property."""
    scores = study.scores
    tables = []
    for found in properties(study):
        cube = scores.cubes.get((found.name, found.metric, "probe"))
        if cube is None:
            continue
        level = {
            source: _mean(scores.at(found.name, found.metric, source, found.layer, scores.steps))
            for source in ("position", "ceiling")
        }
        means = tuple(tuple(_mean(cell) for cell in layer[1:]) for layer in cube)
        tables.append(LayerTable(found.name, found.metric, found.layer, scores.layers, means, **level))
    return tuple(tables)


def findings(study: Study, table: tuple[ScoreRow, ...], by_step: tuple[ScoreRow, ...]) -> tuple[Finding, ...]:
    """One finding a property from the score and step tables, in words that the intervals allow."""
    found = []
    first_at_bar = {(row.name, row.reader): row.bar[0] for row in arrivals(study)}
    for which in properties(study):
        mine = {(row.source, row.metric): row for row in table if row.name == which.name}
        if ("probe", which.metric) not in mine:
            continue
        probe = mine["probe", which.metric]
        first = next(r for r in by_step if (r.name, r.source, r.step) == (which.name, "probe", 1))
        sentences = [_against_position(mine["gain", which.metric].estimate)]
        centred = mine.get(("probe", f"{which.metric}_centred"))
        if centred is not None and np.isfinite(centred.estimate.mean):
            left = number(centred.estimate.mean)
            sentences.append(f"With each place\u2019s mean taken out of label and prediction, {left}.")
        ceiling = mine["ceiling", which.metric].estimate.mean
        if np.isfinite(ceiling) and ceiling > 0:
            share = round(100 * probe.estimate.mean / ceiling)
            sentences.append(
                f"That is {share}\u00a0% of what the layer\u2019s grid allows ({number(ceiling)})."
            )
        shuffled = mine["shuffled", which.metric].estimate.mean
        last = f"at step 1 the probe scores {number(first.estimate.mean)}"
        if np.isfinite(shuffled):
            sentences.append(f"Shuffled labels give {number(shuffled)}; {last}.")
        else:
            sentences.append(f"{last[0].upper()}{last[1:]}.")
        sentences += _who_is_later(which.name, first_at_bar)
        found.append(Finding(which.name, probe, tuple(sentences)))
    return tuple(found)


def summary(table: tuple[ScoreRow, ...], found: tuple[Finding, ...]) -> str:
    """The study in one sentence, from the score table and the findings."""
    means = {(row.name, row.metric, row.source): row.estimate.mean for row in table}
    if not found:
        return "No property was scored."
    parts = []
    for row in (finding.row for finding in found):
        position = means[row.name, row.metric, "position"]
        against = f", position alone {number(position)}" if np.isfinite(position) else ""
        parts.append(f"{row.name} ({METRICS[row.metric]} {number(row.estimate.mean)}{against})")
    listed = " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
    last = found[0].row.step
    reads = f"one linear map per token reads {listed} off the denoiser\u2019s activations"
    return f"At step {last} of {last}, {reads}."


def number(value: float, digits: int = 2) -> str:
    """A score for reading: fixed digits, a true minus sign, a dash where it is not defined."""
    if not np.isfinite(value):
        return "\u2014"
    text = f"{value:.{digits}f}"
    return text.replace("-", "\u2212") if float(text) else text.lstrip("-")


def interval(estimate: Estimate, digits: int = 2) -> str:
    """A 95 % interval for reading; empty where there is none."""
    if not np.isfinite(estimate.low):
        return ""
    return f"{number(estimate.low, digits)} to {number(estimate.high, digits)}"


def listing(layers: tuple[str, ...]) -> str:
    """Layers counted by part of the network, such as `6 down, 1 mid, 9 up`."""
    counted = (
        (part, len(list(group))) for part, group in groupby(layers, key=lambda name: name.split(".")[0])
    )
    return ", ".join(f"{count} {part}" for part, count in counted)


def _rows(study: Study, found: Property, metric: str, step: int, sources: tuple[str, ...]) -> list[ScoreRow]:
    scores = study.scores
    at = {source: scores.at(found.name, metric, source, found.layer, step) for source in SCORED}
    at["gain"] = at["probe"] - at["position"]
    return _score_rows(study, found, metric, step, {source: at[source] for source in sources})


def _score_rows(
    study: Study, found: Property, metric: str, step: int, at: Mapping[str, np.ndarray]
) -> list[ScoreRow]:
    made = estimates(np.stack(list(at.values())), study.scores.prompts)
    return [
        ScoreRow(found.name, found.layer, step, source, metric, estimate)
        for source, estimate in zip(at, made, strict=True)
    ]


def _who_is_later(name: str, first_at_bar: Mapping[tuple[str, str], int | None]) -> list[str]:
    """From when the probe is at its bar, and which readers are there later, and which are not."""
    mine = first_at_bar.get((name, READERS["probe"]))
    others = {reader: step for (of, reader), step in first_at_bar.items() if of == name}
    others.pop(READERS["probe"], None)
    if mine is None or not others:
        return []
    later = [reader for reader, step in others.items() if step is None or step > mine]
    level = [reader for reader in others if reader not in later]
    sentences = [f"It stays at 0.9 of its last score from step {mine} on."]
    sentences += [f"There later than it: {'; '.join(later)}."] if later else []
    sentences += [f"Not later: {'; '.join(level)}."] if level else []
    return sentences


def _against_position(gain: Estimate) -> str:
    if not np.isfinite(gain.mean):
        return "Position alone was not scored."
    within = f" ({interval(gain)})" if interval(gain) else ""
    if not np.isfinite(gain.low):
        side = "above" if gain.mean > 0 else "below"
        return f"{number(abs(gain.mean))} {side} position alone, from too few prompts for an interval."
    if gain.low > 0:
        return f"Above position alone by {number(gain.mean)}{within}."
    if gain.high < 0:
        return f"Below position alone, by {number(-gain.mean)} (difference {interval(gain)})."
    return f"Not told apart from position alone: difference {number(gain.mean)}{within}."


def _mean(values: np.ndarray) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if defined.size else float("nan")
