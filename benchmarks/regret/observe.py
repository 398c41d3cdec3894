"""A batch of pictures made to its end: what is predicted of it after each step, what it is, and how long each
part takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

import torch
from torch import Tensor

from underpainting.diffusion import StepRecord, Watching
from underpainting.seeds.layout import Maps, on_grid
from underpainting.seeds.lessons import cuts
from underpainting.seeds.noise import ByNoise, noise_of
from underpainting.seeds.predict import ByEstimator, Seen, decoded, seeing, watched
from underpainting.study.batch import denoise
from underpainting.study.environment import Loaded
from underpainting.study.request.prompts import PromptRow
from underpainting.study.study import StudyFolder

ESTIMATED = 5
"""First cuts at which the estimator predicts the finished picture; probes do at all of `cuts`."""

SIDE = 32
"""Rows and columns of the maps that are kept, at most."""


class Observed:
    """Looks on while a batch is made, and times what it does."""

    def __init__(self, study: StudyFolder, loaded: Loaded, noise: ByNoise) -> None:
        """Nothing is seen yet."""
        self.study, self.loaded, self.noise = study, loaded, noise
        self.estimator = ByEstimator(loaded)
        self.seen: list[Seen] = []
        self.marks: list[tuple[float, float]] = []

    def observe(self, rows: Sequence[PromptRow], tick: Callable[[float], None]) -> dict[str, Tensor]:
        """Maps by `source/step/way/property`, float16, at most `SIDE` wide; `seconds/part` of a picture."""
        config, count = self.study.config.model, len(rows)
        steps = cuts(config.steps)
        keep = seeing(self.study.probes, steps, self.seen.append)

        def look(record: StepRecord) -> None:
            begun = time.perf_counter()
            keep(record)
            self.marks.append((begun, time.perf_counter()))
            tick(count / config.steps)

        layers = watched(self.study.probes)
        begun = time.perf_counter()
        latents = denoise(self.loaded.model, rows, config, Watching(layers=layers, on_step=look)).latents
        step = median(after - before for (_, before), (after, _) in pairwise(self.marks))
        seconds = {
            "begin": max(0.0, self.marks[0][0] - begun - step),
            "step": step,
            "probe": median(after - before for before, after in (self.marks[at - 1] for at in steps)),
        }
        begun = time.perf_counter()
        drawn = noise_of(self.loaded.model, [row.seed for row in rows])
        tensors = _named("noise/0/noise", self.noise.maps(drawn))
        seconds["noise"] = time.perf_counter() - begun
        for seen in self.seen:
            for (name, layer), own in seen.maps.items():
                tensors |= _named(f"probe/{seen.step}/{layer}", {name: own})
        final = Seen(config.steps, {}, latents.cpu())
        looks = [*((f"estimator/{seen.step}", seen) for seen in self.seen[:ESTIMATED]), ("final/0", final)]
        times = []
        for name, seen in looks:
            begun = time.perf_counter()
            (maps,) = self.estimator.ways(seen).values()
            times.append(time.perf_counter() - begun)
            tensors |= _named(f"{name}/estimator", maps)
        begun = time.perf_counter()
        decoded(self.loaded, final.clean)
        seconds["decode"] = time.perf_counter() - begun
        seconds["label"] = max(0.0, median(times) - seconds["decode"])
        return tensors | {f"seconds/{name}": torch.tensor(of / count) for name, of in seconds.items()}


def _named(name: str, maps: Maps) -> dict[str, Tensor]:
    return {f"{name}/{of}": compact(tensor) for of, tensor in maps.items()}


def compact(maps: Tensor) -> Tensor:
    """Maps [picture, row, column] as they are kept."""
    return on_grid(maps.float(), (min(SIDE, maps.shape[-2]), min(SIDE, maps.shape[-1]))).half().contiguous()
