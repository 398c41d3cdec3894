"""Whether probes carry over: to prompts with a word that they were not fitted on, or to another list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from underpainting.errors import UnderpaintingError
from underpainting.findings import study_scores
from underpainting.findings.cubes import Scores
from underpainting.findings.intervals import Floats, mean, unpaired_interval
from underpainting.probes import Moments, Probe, ProbeSet, ridge
from underpainting.progress import Progress
from underpainting.questions.remake import (
    best_places,
    free_scores,
    moments_of,
    remake,
    view_of,
)
from underpainting.study.environment import Loaded, reload
from underpainting.study.request.prompts import PromptRow, about_prompts, prompt_numbers, read_prompts
from underpainting.study.study import StudyFolder

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


def transfer(
    study: StudyFolder,
    *,
    words: Sequence[str] = (),
    prompts: str | None = None,
    empty_prompt: bool = False,
    progress: Progress | None = None,
) -> list[Transferred]:
    """Ask whether a study's probes carry over.

    To words left out of fitting, to the prompts of a file, to the test seeds without a prompt.

    Raises UnderpaintingError where none is given, the study is not done, a word is in no prompt, or the file
    cannot be read.
    """
    words = tuple(dict.fromkeys(words))
    if not (words or prompts is not None or empty_prompt):
        raise UnderpaintingError(
            "nothing to carry over to: give words to leave out, a file of prompts, or the empty prompt"
        )
    progress = progress or Progress()
    others = {} if prompts is None else {prompts: read_prompts(prompts)}
    for line in about_prompts(prompts) if prompts is not None else ():
        progress.note(line)
    probes = study.probes
    tested, loaded = study_scores(study, study.scores_file, probes), reload(study)
    if empty_prompt:
        seeds = dict.fromkeys(row.seed for row in study.sound_rows("test"))
        others["empty prompt"] = [PromptRow("", seed, i) for i, seed in enumerate(seeds)]
    carried = leave_out(study, loaded, probes, words, progress) if words else []
    for name, rows in others.items():
        carried += other_prompts(study, loaded, probes, rows, name, tested, progress)
    return carried


def leave_out(
    study: StudyFolder, loaded: Loaded, probes: ProbeSet, words: Sequence[str], progress: Progress
) -> list[Transferred]:
    """For each word, probes fitted without the fit pictures whose prompts have it, on the test ones that do.

    They stand beside probes of all fit pictures, on the same test pictures; both have the study's own ridge
    strengths. Places are the best layers at steps 1, 3, 8 and 15.

    Raises UnderpaintingError where a word is in no fit or no test prompt, or in every fit prompt.
    """
    rows = {split: study.sound_rows(split) for split in ("fit", "test")}
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
    places = best_places(probes, loaded.places.properties)
    views = {place: view_of(place) for _, place in places}
    progress.start(sum(map(len, rows.values())))
    made = {}
    for split, pictures in rows.items():
        progress.phase(f"{split} pictures")
        made[split] = remake(study, loaded, pictures, views, progress)
    fit, test = made["fit"], made["test"]
    progress.phase("fitting without words")
    prompts = prompt_numbers(rows["test"])
    groups = {word: has["fit"] == word for word in dict.fromkeys(has["fit"].tolist())}
    carried = []
    for of, place in places:
        grid, strength = probes.grid(place.layer), probes.entry(of.name, place).strength
        x, label = test.activations[place].float(), test.labels[of.name]
        sums = {
            word: moments_of(fit.activations[place][group], fit.labels[of.name][group], grid)
            for word, group in groups.items()
        }
        known = free_scores(_probe(list(sums.values()), strength).apply(x), label, grid, of).numpy()
        without = np.full(len(known), np.nan)
        for word in words:
            probe = _probe([moments for other, moments in sums.items() if other != word], strength)
            read = free_scores(probe.apply(x), label, grid, of).numpy()
            without[tested == word] = read[tested == word]
        for unlike in (*words, ALL) if len(words) > 1 else words:
            here = (tested == unlike) | (unlike == ALL)
            difference = mean((without - known)[here], prompts[here])
            pair = float(np.nanmean(without[here])), float(np.nanmean(known[here]))
            about = (of.name, *place[:2], of.free_metric, unlike, int(here.sum()))
            carried.append(Transferred(*about, *pair, *difference.within))
    return carried


def other_prompts(
    study: StudyFolder,
    loaded: Loaded,
    probes: ProbeSet,
    rows: Sequence[PromptRow],
    name: str,
    tested: Scores,
    progress: Progress,
) -> list[Transferred]:
    """A study's own probes on the pictures of other prompts, beside their scores on its test pictures.

    name: what the other prompts are called. tested: the study's test scores.
    """
    places = best_places(probes, loaded.places.properties)
    progress.start(len(rows))
    progress.phase(f"pictures of {name}")
    made = remake(study, loaded, rows, {place: view_of(place) for _, place in places}, progress)
    prompts = prompt_numbers(rows)
    carried = []
    for of, place in places:
        read = probes.probe(of.name, *place).apply(made.activations[place].float())
        labels = made.labels[of.name]
        scores: Floats = free_scores(read, labels, probes.grid(place.layer), of).numpy()
        known = tested.at(of.name, of.free_metric, "probe", place.layer, place.step)
        low, high = unpaired_interval(scores, prompts, known, tested.prompts)
        pair = float(np.nanmean(scores)), float(np.nanmean(known))
        about = (of.name, *place[:2], of.free_metric, name, len(rows))
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
    return ridge(total, [strength]).pick(0, 0).float()
