"""A search while it runs: seeds are brought from cut to cut, and the best to the end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from underpainting.errors import UnderpaintingError
from underpainting.seeds.begun import Begun
from underpainting.seeds.halving import going_on
from underpainting.seeds.layout import Maps
from underpainting.seeds.lessons import Lesson
from underpainting.seeds.predict import ByEstimator, Predictor
from underpainting.seeds.searched import Cost, Row
from underpainting.seeds.wish import Wish


@dataclass
class Race:
    """A search while it runs.

    rows: what is known of each seed. cuts: the lessons of those that were made, by step. seeds: of those that
    are still in it; at the end, of finished pictures, best first.
    """

    begun: Begun
    predict: Predictor
    wish: Wish
    learnt: Mapping[int, Lesson]
    finish: int

    def __post_init__(self) -> None:
        """Nothing is made yet."""
        self.rows: dict[int, Row] = {}
        self.cuts: dict[int, Lesson] = {}
        self.seeds: list[int] = []
        self._last: dict[int, int] = {}
        self.decodings = self.reused = 0

    def run(self, seeds: Sequence[int]) -> None:
        """Bring seeds from cut to cut, and the best to the end."""
        self.seeds = [*seeds]
        self.rows = {seed: Row(self.begun.prompt, seed, 0, math.nan, math.nan, None) for seed in seeds}
        for step, lesson in self.learnt.items():
            if len(self.seeds) > self.finish and not self._is_there_later(step):
                self._cut(step, lesson)
        self.seeds = self.seeds[: self.finish]
        self._bring(self.begun.steps)
        if not self.seeds:
            raise UnderpaintingError("no picture could be finished: all were left out")
        finished = self.begun.finished(self.seeds)
        scores = self.wish.score(finished.labels)
        for seed, score in zip(self.seeds, scores.tolist(), strict=True):
            self.rows[seed] = replace(self.rows[seed], score=score)
        self.seeds = [self.seeds[i] for i in scores.argsort(descending=True, stable=True).tolist()]

    def sorted_rows(self) -> tuple[Row, ...]:
        """Finished pictures, best first; then seeds by how far they came and what was expected of them."""
        others = [row for row in self.rows.values() if row.score is None]
        others.sort(key=lambda row: (-row.step, -row.expected))
        return (*(self.rows[seed] for seed in self.seeds), *others)

    @property
    def pictures(self) -> dict[int, NDArray[Any]]:
        """Finished pictures by seed, best first."""
        return dict(zip(self.seeds, self.begun.finished(self.seeds).pictures.numpy(), strict=True))

    def cost(self, seeds: Sequence[int]) -> Cost:
        """What it took."""
        begun, by_step = self.begun, dict[int, list[int]]()
        for row in self.rows.values():
            by_step.setdefault(row.step, []).append(row.seed)
        spent = sum(begun.evaluations(step) * len(those) for step, those in by_step.items())
        seconds = sum(begun.seconds(step, those) for step, those in by_step.items())
        each = begun.seconds(begun.steps, self.seeds) / len(self.seeds)
        return Cost(
            evaluations=spent,
            evaluations_of_all=begun.evaluations(begun.steps) * len(seeds),
            reused=self.reused,
            decodings=self.decodings + len(self.seeds),
            decodings_of_all=len(seeds),
            seconds=seconds,
            seconds_of_all=each * len(seeds),
        )

    def _is_there_later(self, step: int) -> bool:
        """Whether all that are still in it were brought beyond a step before: then they are cut there."""
        later = [other for other in self.learnt if other > step]
        return any(not self.begun.missing(other, self.seeds) for other in later)

    def _cut(self, step: int, lesson: Lesson) -> None:
        if step:
            self._bring(step)
        if not self.seeds:
            return
        maps = self.maps(step, self.seeds)
        predicted = self.wish.score(maps)
        expected = lesson.expected(predicted)
        for seed, *scores in zip(self.seeds, predicted.tolist(), expected.tolist(), strict=True):
            self.rows[seed] = replace(self.rows[seed], step=step, predicted=scores[0], expected=scores[1])
        self.cuts[step] = lesson
        self._last |= dict.fromkeys(self.seeds, step)
        self.seeds = [self.seeds[i] for i in going_on(predicted, lesson, self.finish)]

    def _bring(self, step: int) -> None:
        begun = self.begun
        missing = begun.to_make(step, self.seeds)
        before = [self.rows[seed].step for seed in self.seeds]
        self.reused += sum(begun.evaluations(step, of) for of in before) - missing
        begun.progress.start(missing, unit="evaluations")
        last = step == begun.steps
        begun.progress.phase(f"finishing {len(before)}" if last else f"step {step}: {len(before)} seeds")
        self.seeds = begun.go_to(step, self.seeds)
        if last:
            for seed in self.seeds:
                self.rows[seed] = replace(self.rows[seed], step=step)

    def last_cut(self, seed: int) -> int:
        """The last cut that a seed was at; 0 where it was at none."""
        return self._last.get(seed, 0)

    def maps(self, step: int, seeds: Sequence[int]) -> Maps:
        """What is predicted of seeds at a step, in the way that its lesson chose."""
        if isinstance(self.predict, ByEstimator):
            self.decodings += len(seeds)
        return self.predict.ways(self.begun.seen(step, seeds))[self.learnt[step].way]
