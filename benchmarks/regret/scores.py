"""What is wished for, and how far every picture is as wished: finished, and as it was predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.regret.kept import Collection, Pictures, Ways
from underpainting.errors import UnderpaintingError
from underpainting.findings.intervals import Floats
from underpainting.seeds.layout import Maps
from underpainting.seeds.lessons import Lesson, lessons
from underpainting.seeds.predict import Seen
from underpainting.seeds.wish import Wish, alike
from underpainting.seeds.wording import parse_wish

WISHES = ("left third", "right third", "large", "lit from the left", "box 0.5,0.25,0.95,0.75")
LIKE = "like a picture"
"""The sixth wish: the layout of a picture of the study, another one with each prompt."""


@dataclass(frozen=True)
class Table:
    """Scores of all wishes, [wish, prompt, seed]: of the finished pictures, and predicted by source and step.

    Those of `random` are all alike: position alone, which says the same of every seed, is no other source.
    lessons: of what is predicted, by source, and then by wish, prompt and step; see `seeds.lessons`.
    """

    wishes: tuple[str, ...]
    target: Floats
    predicted: Mapping[tuple[str, int], Floats]
    lessons: Mapping[str, Sequence[Sequence[Mapping[int, Lesson]]]]

    def of_source(self, source: str) -> dict[int, Floats]:
        """What a source predicts, by step."""
        return {step: of for (name, step), of in sorted(self.predicted.items()) if name == source}


@dataclass(frozen=True)
class _Stored:
    """A predictor whose maps are there already."""

    by_step: Mapping[int, Ways]

    def ways(self, seen: Seen) -> dict[str, Maps]:
        """Those of the step."""
        return dict(self.by_step[seen.step])


def score_table(collected: Collection) -> Table:
    """Every wish's score of the finished pictures and of every prediction of them, which is read in the way
    that calibrate pictures choose for the wish and the step, as a search reads it.
    """
    count, seeds = len(collected.prompts), collected.seeds
    fixed = [parse_wish(words, _no_picture) for words in WISHES]
    like = [alike(LIKE, _part(collected.wanted, i, 1)) for i in range(count)]
    tried = collected.tried
    wishes = [*([wish] * count for wish in fixed), like]  # by wish and prompt
    target = np.array(
        [[wish.score(_part(tried.final, i, seeds)).numpy() for i, wish in enumerate(of)] for of in wishes]
    )
    predicted = {("random", 0): np.zeros_like(target)}
    learnt: dict[str, list[list[dict[int, Lesson]]]] = {}
    for source in dict.fromkeys(name for name, _ in tried.predicted):
        steps = sorted(step for name, step in tried.predicted if name == source)
        own = [_lessons(wish, source, steps, collected.taught) for wish in fixed]
        learnt[source] = [[lesson] * count for lesson in own]
        learnt[source].append([_lessons(wish, source, steps, collected.taught) for wish in like])
        for step in steps:
            scores = np.empty_like(target)
            for i, j in np.ndindex(scores.shape[:2]):
                maps = tried.predicted[source, step][learnt[source][i][j][step].way]
                scores[i, j] = wishes[i][j].score(_part(maps, j, seeds)).numpy()
            predicted[source, step] = scores
    return Table((*WISHES, LIKE), target, predicted, learnt)


def _lessons(wish: Wish, source: str, steps: Sequence[int], taught: Pictures) -> dict[int, Lesson]:
    """What calibrate pictures teach of a source at each step."""
    stored = _Stored({step: taught.predicted[source, step] for step in steps})
    return lessons(wish, stored, [Seen(step, {}, torch.empty(0)) for step in steps], taught.final)


def _part(maps: Maps, index: int, size: int) -> dict[str, Tensor]:
    return {name: of[index * size : (index + 1) * size] for name, of in maps.items()}


def _no_picture(name: str) -> Maps:
    raise UnderpaintingError(f"no picture {name!r} is wished for here")
