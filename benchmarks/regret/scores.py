"""What is wished for, and how far every picture is as wished: finished, and as it was predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from benchmarks.regret.collect import Collection
from underpainting.errors import UnderpaintingError
from underpainting.findings.intervals import Floats
from underpainting.seeds.layout import Maps
from underpainting.seeds.wish import alike
from underpainting.seeds.wording import parse_wish

WISHES = ("left third", "right third", "large", "lit from the left", "box 0.5,0.25,0.95,0.75")
LIKE = "like a picture"
"""The sixth wish: the layout of a picture of the study, another one with each prompt."""


@dataclass(frozen=True)
class Table:
    """Scores of all wishes, [wish, prompt, seed]: of the finished pictures, and predicted by source and step.

    That of `random` are all alike: position alone, which says the same of every seed, is no other source.
    """

    wishes: tuple[str, ...]
    target: Floats
    predicted: Mapping[tuple[str, int], Floats]

    def of_source(self, source: str) -> dict[int, Floats]:
        """What a source predicts, by step."""
        return {step: of for (name, step), of in sorted(self.predicted.items()) if name == source}


def score_table(collected: Collection) -> Table:
    """Every wish's score of the finished pictures and of every prediction of them."""
    count, seeds = len(collected.prompts), collected.seeds
    wishes = [parse_wish(words, _no_picture) for words in WISHES]

    def scores(maps: Maps) -> Floats:
        fixed = [wish.score(maps).reshape(count, seeds).numpy() for wish in wishes]
        like = [
            alike(LIKE, _part(collected.wanted, i, 1)).score(_part(maps, i, seeds)).numpy()
            for i in range(count)
        ]
        return np.stack([*fixed, np.stack(like)])

    target = scores(collected.final)
    predicted = {key: scores(maps) for key, maps in collected.predicted.items()}
    return Table((*WISHES, LIKE), target, {("random", 0): np.zeros_like(target), **predicted})


def _part(maps: Maps, index: int, size: int) -> dict[str, Tensor]:
    return {name: of[index * size : (index + 1) * size] for name, of in maps.items()}


def _no_picture(name: str) -> Maps:
    raise UnderpaintingError(f"no picture {name!r} is wished for here")
