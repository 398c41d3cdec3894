"""What a study's tests and intervals do where the answer is known: levels, coverage and bias by simulation.

``python -m benchmarks.levels`` prints the figures of docs/statistics.md and writes them as JSON.

Scores are spread as a study's are: a mean curve that rises over 15 steps, what a picture has more or less
than others at all steps and for all readers (standard deviation 0.10), and what comes and goes from step to
step (0.07, correlated by 0.6 with the step before). Readers of the same curve are exchangeable: whatever is
found between them is found by chance. Intervals are to hold the truth in 95 %, tests to err in at most 5 %.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from underpainting.controls import rivals
from underpainting.findings.against import against, explaining
from underpainting.findings.cubes import Scores
from underpainting.findings.distances import kernel_distance
from underpainting.findings.emergence import emergence_table
from underpainting.findings.intervals import mean, unpaired_interval
from underpainting.findings.leads import leads_table
from underpainting.findings.steps import emergence
from underpainting.findings.variance import LITTLE, decided

RESULTS = Path("levels.json")
STEPS = 15
PICTURE, STEP, CORRELATION = 0.10, 0.07, 0.6
METRICS = {"depth": "spearman", "shading": "spearman", "surface": "spearman"}
"""Of three properties that no one needs; each has its own curve."""
FIRST, LAST, FLOOR, PACE = 0.35, 0.75, 0.25, 3.0
SIZES = (20, 57, 104, 300)
VARIANCE_SIZES = (6, 12, 24, 48)
"""Prompts, and as many seeds."""
Floats = NDArray[np.float64]


class Row(NamedTuple):
    """What was simulated, with how many prompts, and what was found; nominal: what it ought to be."""

    test: str
    prompts: int
    found: str
    share: float
    nominal: str


def curve(first: float = FIRST, last: float = LAST, pace: float = PACE) -> Floats:
    """A mean score [step] that rises from the first to near the last, ever more slowly."""
    return last - (last - first) * np.exp(-np.arange(STEPS) / pace)


def drawn(rng: np.random.Generator, pictures: int, readers: int) -> Floats:
    """What scores [reader, step, picture] are beside their means: the picture's part all readers share."""
    own = rng.normal(0, STEP, (readers, STEPS, pictures))
    for step in range(1, STEPS):
        own[:, step] = CORRELATION * own[:, step - 1] + np.sqrt(1 - CORRELATION**2) * own[:, step]
    return own + rng.normal(0, PICTURE, pictures)


def scores(
    rng: np.random.Generator, pictures: int, layers: int = 1, sources: tuple[str, ...] = ("probe",)
) -> Scores:
    """Scores of exchangeable readers of three properties, one picture a prompt, and of position alone."""
    cubes = {}
    for name, metric in METRICS.items():
        each = drawn(rng, pictures, layers * len(sources)).reshape(len(sources), layers, STEPS, pictures)
        for source, value in zip(sources, each, strict=True):
            cube = np.full((layers, STEPS + 1, pictures), np.nan)
            cube[:, 1:] = value + curve()[:, None]
            cubes[name, metric, source] = cube
        position = np.full((layers, STEPS + 1, pictures), np.nan)
        position[:, 0] = FLOOR + rng.normal(0, PICTURE, pictures)
        cubes[name, metric, "position"] = position
    images = tuple(map(str, range(pictures)))
    return Scores(images, np.arange(pictures), tuple(map(str, range(layers))), STEPS, cubes, images)


def means_rows(rng: np.random.Generator, repeats: int) -> Iterator[Row]:
    """Intervals of a mean, of a paired and of an unpaired difference, and of a share of right answers."""
    kinds: dict[str, tuple[Callable[[int], Floats], float]] = {
        "normal values": (lambda n: rng.normal(0, 1, n), 0.0),
        "skewed values (exponential)": (lambda n: rng.exponential(1, n), 1.0),
        "right or wrong, 80 % right": (lambda n: (rng.random(n) < 0.8).astype(float), 0.8),
        "three pictures a prompt, which they share by half": (
            lambda n: (rng.normal(0, 1, n)[:, None] + rng.normal(0, 1, (n, 3))).ravel(),
            0.0,
        ),
    }
    for words, (draw, truth) in kinds.items():
        for prompts in SIZES:
            held = []
            for _ in range(repeats):
                values = draw(prompts)
                by = mean(values, np.arange(len(values)) * prompts // len(values))
                held.append(by.low <= truth <= by.high)
            yield Row(
                f"interval of a mean: {words}", prompts, "holds the truth", float(np.mean(held)), "0.95"
            )
    for prompts in SIZES:
        wrong = []
        for _ in range(repeats):
            one, other = rng.exponential(1, prompts), rng.exponential(1, prompts)
            low, high = unpaired_interval(one, np.arange(prompts), other, np.arange(prompts))
            wrong.append(not low <= 0 <= high)
        yield Row(
            "difference of two studies", prompts, "leaves out zero by chance", float(np.mean(wrong)), "0.05"
        )


def against_rows(rng: np.random.Generator, repeats: int) -> Iterator[Row]:
    """The probe above or below a control like it, and above all of eight."""
    sources = ("probe", *[key for key, source in rivals().items() if source.explains][:8])
    for prompts in SIZES:
        sides, above = [], []
        for _ in range(repeats):
            made = scores(rng, prompts, sources=sources)
            rows = [row for row in against(made, "depth", "spearman", "0", STEPS) if row.control in sources]
            sides += [row.side != 0 for row in rows]
            above.append(not explaining(rows))
        yield Row(
            "probe against a control", prompts, "above or below by chance", float(np.mean(sides)), "0.05"
        )
        yield Row(
            f"probe against {len(sources) - 1} controls",
            prompts,
            "above all by chance",
            float(np.mean(above)),
            "< 0.05",
        )


def leads_rows(rng: np.random.Generator, repeats: int) -> Iterator[Row]:
    """Leads over exchangeable readers: mean, interval, sign test, and Holm's over the whole table."""
    sources = tuple(list(rivals())[:7])
    for prompts in SIZES:
        leads, intervals, signs, any_holm = [], [], [], []
        for _ in range(repeats):
            made = scores(rng, prompts, sources=sources)
            rows = leads_table(made, METRICS, dict.fromkeys(METRICS, "0")).to_pylist()
            leads += [row["steps"] for row in rows]
            intervals += [row["low"] > 0 or row["high"] < 0 for row in rows]
            signs += [row["p"] < 0.05 for row in rows]
            any_holm.append(any(row["p_holm"] < 0.05 for row in rows))
        yield Row("lead over a reader", prompts, "mean, in steps", float(np.mean(leads)), "0")
        yield Row(
            "lead over a reader",
            prompts,
            "interval leaves out zero by chance",
            float(np.mean(intervals)),
            "0.05",
        )
        yield Row(
            "lead over a reader", prompts, "sign test below 0.05 by chance", float(np.mean(signs)), "≤ 0.05"
        )
        yield Row(
            f"leads, {len(rows)} in a table",
            prompts,
            "any below 0.05 after Holm",
            float(np.mean(any_holm)),
            "≤ 0.05",
        )


def emergence_rows(rng: np.random.Generator, repeats: int) -> Iterator[Row]:
    """The emergence step and the common bar, the best of four layers alike chosen; and false overtaking."""
    truth = {
        "emergence": int(emergence(curve(), np.array(FLOOR))),
        "bar": int(np.argmax(curve() >= 0.9 * curve()[-1]) + 1),
    }
    for prompts in SIZES:
        steps: dict[str, list[float]] = {name: [] for name in truth}
        held: dict[str, list[bool]] = {name: [] for name in truth}
        overtaken = []
        for _ in range(repeats):
            sources = ("probe", "latents:noisy")
            made, calibrate = scores(rng, prompts, 4, sources), scores(rng, 35, 4)
            rows = [
                row for row in emergence_table(made, calibrate, METRICS).to_pylist() if row["layer"] == "best"
            ]
            for row in rows:
                name = row["criterion"]
                low, step, high = (
                    STEPS + 1 if row[key] is None else row[key] for key in ("low", "step", "high")
                )
                if name in truth and row["source"] == "probe":
                    steps[name].append(step - truth[name])
                    held[name].append(low <= truth[name] <= high)
                elif name == "overtakes":
                    overtaken.append(row["high"] is not None)
        for name, words in (("emergence", "emergence step"), ("bar", "step at the common bar")):
            yield Row(words, prompts, "mean error, in steps", float(np.mean(steps[name])), "0")
            yield Row(words, prompts, "interval holds the truth", float(np.mean(held[name])), "≥ 0.95")
        yield Row(
            "a control overtakes the probe",
            prompts,
            "surely, by chance",
            float(np.mean(overtaken)),
            "≤ 0.025",
        )


def distances_rows(rng: np.random.Generator, repeats: int) -> Iterator[Row]:
    """Kernel distances of pictures from what was made of them, whose features resemble theirs (0.8)."""
    spread = np.linspace(2, 0.3, 16)
    for words, shift, wider in (
        ("of one kind", 0.0, 1.0),
        ("hardly shifted", 0.2, 1.0),
        ("shifted", 0.6, 1.0),
        ("spread wider", 0.0, 1.4),
    ):
        truth = normal_distance(shift * spread, wider * spread, spread)
        for prompts in SIZES:
            held, above = [], []
            for _ in range(repeats):
                before, other = rng.normal(0, 1, (2, prompts, len(spread))) * spread
                after = wider * (0.8 * before + 0.6 * other) + shift * spread
                found = kernel_distance(after, before, np.arange(prompts))
                held.append(found.low <= truth <= found.high)
                above.append(found.low > 0)
            test = f"kernel distance: {words}"
            yield Row(test, prompts, "interval holds the truth", float(np.mean(held)), "0.95")
            if truth == 0:
                yield Row(test, prompts, "surely apart by chance", float(np.mean(above)), "≤ 0.025")


def normal_distance(mean: Floats, one: Floats, other: Floats) -> float:
    """The kernel distance of normal features from others whose means are 0, from their moments.

    The kernel's mean is a sum over the moments that two distributions share: 1 + 3 m·m' / d + 3 M·M' / d² +
    T·T' / d³, for d features with means m, second moments M and third moments T. one, other: standard
    deviations.
    """
    count = len(mean)
    second = np.diag(one**2) + np.outer(mean, mean)
    third = np.einsum("i,j,k->ijk", mean, mean, mean)
    for letters in ("ij,k->ijk", "ik,j->ijk", "jk,i->ijk"):
        third += np.einsum(letters, np.diag(one**2), mean)
    apart = [mean, second - np.diag(other**2), third]  # those of the others are 0, their variances and 0
    weights = (3 / count, 3 / count**2, 1 / count**3)
    return float(sum(weight * (of**2).sum() for weight, of in zip(weights, apart, strict=True)))


def variance_rows(rng: np.random.Generator, repeats: int) -> Iterator[Row]:
    """Shares of seed and prompt, as many of each crossed; in three times as many studies."""
    kinds: dict[str, Callable[[tuple[int, ...]], Floats]] = {
        "normal effects": lambda size: rng.normal(0, 1, size),
        "bounded effects (uniform)": lambda size: rng.uniform(-np.sqrt(3), np.sqrt(3), size),
        "skewed effects (exponential)": lambda size: rng.exponential(1, size) - 1,
    }
    for kind, draw in kinds.items():
        for seed, prompt in ((0.93, 0.01), (0.5, 0.2), (0.0, 1 - LITTLE)):
            test = f"shares of variance, {kind}: seed {seed:.2f}, prompt {prompt:.2f}"
            scale = np.sqrt([prompt, seed, 1 - seed - prompt])
            for count in VARIANCE_SIZES:
                found = []
                for _ in range(3 * repeats):
                    parts = draw((count, 1)), draw((1, count)), draw((count, count))
                    values = scale[0] * parts[0] + scale[1] * parts[1] + scale[2] * parts[2]
                    found.append(decided(values))
                for name, truth in (("seed", seed), ("prompt", prompt)):
                    ends = [(getattr(row, f"{name}_low"), getattr(row, f"{name}_high")) for row in found]
                    held = float(np.mean([low <= truth <= high for low, high in ends]))
                    yield Row(test, count, f"{name}'s interval holds the truth", held, "0.95")
                error = float(np.mean([row.seed for row in found])) - seed
                yield Row(test, count, "mean error of the seed's share", error, "0")
                if np.isclose(1 - prompt, LITTLE):
                    pays = float(np.mean([row.pays is True for row in found]))
                    yield Row(test, count, "called paying, at the bar, by chance", pays, "≤ 0.025")


PARTS = {
    "means": means_rows,
    "against": against_rows,
    "leads": leads_rows,
    "emergence": emergence_rows,
    "distances": distances_rows,
    "variance": variance_rows,
}


def simulate(part: str, repeats: int, seed: int = 0) -> list[Row]:
    """The rows of one part of the table, over so many repeated studies."""
    return list(PARTS[part](np.random.default_rng(seed), repeats))


def main(
    repeats: Annotated[int, typer.Option(help="Studies simulated for each row.")] = 100,
    out: Annotated[Path, typer.Option(help="File to write.")] = RESULTS,
) -> None:
    """Simulate every test and interval, print the table, and write it."""
    rows = [row for part in PARTS for row in simulate(part, repeats)]
    print("| what | prompts | | found | nominal |\n| --- | --- | --- | --- | --- |")
    for row in rows:
        print(f"| {row.test} | {row.prompts} | {row.found} | {row.share:.3f} | {row.nominal} |")
    out.write_text(json.dumps([row._asdict() for row in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
