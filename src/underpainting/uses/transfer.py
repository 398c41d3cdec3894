"""Whether probes carry over: to prompts with a word that they were not fitted on, or to another list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from underpainting.errors import UnderpaintingError
from underpainting.findings.cubes import Scores
from underpainting.findings.draws import Floats, cluster_draws, drawn_means, mean_interval
from underpainting.probes import Key, Moments, Probe, ProbeSet, ridge
from underpainting.study.environment import Workshop
from underpainting.study.folder import Study
from underpainting.study.progress import Progress
from underpainting.study.prompts import PromptRow
from underpainting.uses.remake import (
    best_places,
    judge,
    judging_metric,
    moments_of,
    prompt_numbers,
    remake,
    sound_rows,
    view_of,
)

ALL, NO_WORD = "all", ""


@dataclass(frozen=True)
class Transferred:
    """Mean score of probes on pictures unlike those they were fitted to, and of probes that know such ones.

    unlike: the word left out of fitting (`all` of several: each word's pictures by the probe without it),
    or the file of the other prompts. difference: `score` less `known`, with its 95 % interval over draws of
    prompts.
    """

    property: str
    layer: str
    step: int
    metric: str
    unlike: str
    pictures: int
    score: float
    known: float
    difference: float
    low: float
    high: float


def leave_out(
    study: Study, workshop: Workshop, words: Sequence[str], progress: Progress
) -> list[Transferred]:
    """For each word, probes fitted without the fit pictures whose prompts have it, on the test ones that do.

    They stand beside probes of all fit pictures, on the same test pictures; both have the study's own ridge
    strengths. Places are the best layers at steps 1, 3, 8 and 15.

    Raises UnderpaintingError where a word is in no fit or no test prompt, or in every fit prompt.
    """
    rows = {split: sound_rows(study, split) for split in ("fit", "test")}
    has = {split: np.array([word_of(row.prompt, words) for row in of]) for split, of in rows.items()}
    for word in words:
        for split, of_split in has.items():
            if word not in of_split:
                raise UnderpaintingError(f"no {split} prompt has the word {word!r}; name one that is there")
        if (has["fit"] == word).all():
            raise UnderpaintingError(f"every fit prompt has the word {word!r}; nothing is left to fit on")
    with_word = has["test"] != NO_WORD
    rows["test"] = [row for row, kept in zip(rows["test"], with_word, strict=True) if kept]
    tested = has["test"][with_word]
    probes = ProbeSet.load(study.probes)
    places = best_places(probes, workshop.places.properties)
    views = {place: view_of(place) for _, place in places}
    progress.start(sum(map(len, rows.values())))
    made = {}
    for split, pictures in rows.items():
        progress.phase(f"{split} pictures")
        made[split] = remake(study, workshop, pictures, views, progress)
    fit, test = made["fit"], made["test"]
    progress.phase("fitting without words")
    prompts = prompt_numbers(rows["test"])
    groups = {word: has["fit"] == word for word in dict.fromkeys(has["fit"].tolist())}
    carried = []
    for found, place in places:
        grid, strength = workshop.places.grid_of(place[0]), probes.entries[Key(found.name, *place)].strength
        x, label = test.activations[place].float(), test.labels[found.name]
        sums = {
            word: moments_of(fit.activations[place][of], fit.labels[found.name][of], grid)
            for word, of in groups.items()
        }
        known = judge(_probe(list(sums.values()), strength).apply(x)[..., 0], label, grid, found).numpy()
        without = np.full(len(known), np.nan)
        for word in words:
            probe = _probe([of for other, of in sums.items() if other != word], strength)
            read = judge(probe.apply(x)[..., 0], label, grid, found).numpy()
            without[tested == word] = read[tested == word]
        for unlike in (*words, ALL) if len(words) > 1 else words:
            here = (tested == unlike) | (unlike == ALL)
            mean, low, high = mean_interval((without - known)[here], prompts[here])
            pair = float(np.nanmean(without[here])), float(np.nanmean(known[here]))
            about = (found.name, *place[:2], judging_metric(found), unlike, int(here.sum()))
            carried.append(Transferred(*about, *pair, mean, low, high))
    return carried


def other_prompts(
    study: Study, workshop: Workshop, rows: Sequence[PromptRow], name: str, tested: Scores, progress: Progress
) -> list[Transferred]:
    """A study's own probes on the pictures of other prompts, beside their scores on its test pictures.

    name: what the other prompts are called. tested: the study's test scores.
    """
    probes = ProbeSet.load(study.probes)
    places = best_places(probes, workshop.places.properties)
    progress.start(len(rows))
    progress.phase(f"pictures of {name}")
    made = remake(study, workshop, rows, {place: view_of(place) for _, place in places}, progress)
    prompts = prompt_numbers(rows)
    carried = []
    for found, place in places:
        probe, metric = probes.at(*place), judging_metric(found)
        read = probe.apply(made.activations[place].float())[..., probe.properties.index(found.name)]
        grid = workshop.places.grid_of(place[0])
        scores: Floats = judge(read, made.labels[found.name], grid, found).numpy()
        known = tested.at(found.name, metric, "probe", place[0], place[1])
        low, high = _unpaired(scores, prompts, known, tested.prompts)
        pair = float(np.nanmean(scores)), float(np.nanmean(known))
        about = (found.name, *place[:2], metric, name, len(rows))
        carried.append(Transferred(*about, *pair, pair[0] - pair[1], low, high))
    return carried


def word_of(prompt: str, words: Sequence[str]) -> str:
    """The first of the words that a prompt has, whatever its case; `NO_WORD` where it has none."""
    present = {part.strip(".,;:!?\"'()").lower() for part in prompt.split()}
    return next((word for word in words if word.lower() in present), NO_WORD)


def _probe(parts: Sequence[Moments], strength: float) -> Probe:
    """The ridge probe of some groups' moments together."""
    total = Moments(parts[0].channels, parts[0].targets)
    for part in parts:
        total.merge(part)
    solution = ridge(total, [strength])
    return Probe(solution.weight[0].float(), solution.bias[0].float(), ("refitted",))


def _unpaired(
    one: Floats, its_prompts: NDArray[np.int64], other: Floats, other_prompts: NDArray[np.int64]
) -> tuple[float, float]:
    """95 % interval of the difference of two means of other pictures, each drawn by prompt; NaN from one."""
    if min(len(np.unique(its_prompts)), len(np.unique(other_prompts))) < 2:
        return np.nan, np.nan
    drawn = [
        drawn_means(values, cluster_draws(prompts, seed=seed))
        for seed, (values, prompts) in enumerate([(one, its_prompts), (other, other_prompts)])
    ]
    low, high = np.nanpercentile(drawn[0] - drawn[1], (2.5, 97.5))
    return float(low), float(high)
