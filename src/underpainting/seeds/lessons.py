"""What calibrate pictures teach: how far the score that is predicted at a step is from the finished one's.

Calibrate pictures, no more than `PICTURES`, are made once again up to the last cut; what is seen of them is
kept in the study's folder, for every wish. Their finished maps are the study's labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from safetensors.torch import save_file
from torch import Tensor

from underpainting.probes import ProbeSet
from underpainting.progress import Progress
from underpainting.readers import read_tensors, reading
from underpainting.seeds.layout import Maps
from underpainting.seeds.predict import Predictor, Seen, watching
from underpainting.seeds.wish import Wish
from underpainting.study.batch import denoise
from underpainting.study.environment import Loaded
from underpainting.study.kept.gallery import spread
from underpainting.study.request.prompts import PromptRow
from underpainting.study.schedule import in_batches
from underpainting.study.sealed import ASK_AGAIN
from underpainting.study.study import StudyFolder

PICTURES = 64
ENOUGH = 12
"""Calibrate pictures from which on ways of reading are compared; of fewer, the first is taken."""

CUTS = 8
OF_STEPS = 15
"""Cuts are made at 1/15, 2/15, ... 8/15 of the steps: how noisy a picture is goes by that share."""


@dataclass(frozen=True)
class Lesson:
    """How a wish's finished score follows from the one that is predicted at a step.

    way: of the predictor's. The finished score is offset + slope * predicted, give or take `deviation` (the
    residuals' standard deviation). The slope is not negative: what foretells the opposite foretells nothing,
    and the mean is expected. correlation: Pearson's, of the two; nan where there is none. pictures: how
    many taught it.
    """

    step: int
    way: str
    slope: float
    offset: float
    deviation: float
    correlation: float
    pictures: int

    def expected(self, predicted: Tensor) -> Tensor:
        """Finished scores [picture] to be expected of predicted ones; in their order, whatever is taught."""
        return self.offset + max(self.slope, 1e-6) * predicted


def cuts(steps: int) -> list[int]:
    """The steps of a denoising at which seeds may be chosen, all before the last."""
    shares = {math.ceil(steps * number / OF_STEPS) for number in range(1, CUTS + 1)}
    return sorted(step for step in shares if step < steps)


def lessons(wish: Wish, predictor: Predictor, taught: Sequence[Seen], labels: Maps) -> dict[int, Lesson]:
    """A wish's lesson at every step of what was seen of calibrate pictures.

    labels: their finished maps, [picture, row, column]. At each step that one of the predictor's ways is
    taken whose predicted score correlates best with the finished pictures'.
    """
    finished = wish.score(labels)
    return {seen.step: _best(wish, predictor.ways(seen), finished, seen.step) for seen in taught}


def taught(study: StudyFolder, loaded: Loaded, probes: ProbeSet, progress: Progress) -> list[Seen]:
    """What is seen of calibrate pictures at every cut, made where it is not there."""
    path, rows = study.lessons_file, calibrate_rows(study)
    steps = cuts(study.config.model.steps)
    if not study.has(path, ASK_AGAIN):
        kept: dict[int, list[Seen]] = {step: [] for step in steps}
        looking = watching(probes, steps, lambda seen: kept[seen.step].append(seen))
        progress.start(len(rows))
        progress.phase("learning from calibrate pictures")
        for batch in in_batches(rows, study.config.run.batch_size):
            denoise(loaded.model, batch, study.config.model, looking)
            progress.advance(len(batch))
        tensors = {name: of for seen in kept.values() for name, of in _tensors(seen).items()}
        with study.sealing(path) as temporary:
            save_file(tensors, temporary)
    about = path, "file of lessons", ASK_AGAIN
    tensors = read_tensors(*about)
    with reading(*about):
        return [_seen(tensors, step) for step in steps]


def calibrate_rows(study: StudyFolder) -> list[PromptRow]:
    """The pictures that teach."""
    return spread(study.sound_rows("calibrate"), PICTURES)


def calibrate_labels(study: StudyFolder, properties: Sequence[str]) -> dict[str, Tensor]:
    """Their finished maps, [picture, height, width] by property."""
    images = [row.image for row in calibrate_rows(study)]
    by_name = {name: study.labels(name) for name in properties}
    return {name: torch.stack([of[image] for image in images]).float() for name, of in by_name.items()}


def _best(wish: Wish, ways: Mapping[str, Maps], finished: Tensor, step: int) -> Lesson:
    all_ways = [_lesson(way, wish.score(maps), finished, step) for way, maps in ways.items()]
    if len(finished) < ENOUGH:
        return all_ways[0]
    return max(all_ways, key=lambda of: -1.0 if math.isnan(of.correlation) else of.correlation)


def _lesson(way: str, predicted: Tensor, finished: Tensor, step: int) -> Lesson:
    """Least squares of finished scores on predicted ones, of the slopes from 0 on."""
    count = len(finished)
    x, y = predicted - predicted.mean(), finished - finished.mean()
    varies = float((x * x).sum()) > 0 and float((y * y).sum()) > 0
    slope = max(float((x * y).sum() / (x * x).sum()), 0.0) if varies else 0.0
    correlation = float((x * y).sum() / ((x * x).sum() * (y * y).sum()).sqrt()) if varies else math.nan
    residuals = y - slope * x
    deviation = float((residuals.square().sum() / max(count - 2, 1)).sqrt())
    offset = float(finished.mean()) - slope * float(predicted.mean())
    return Lesson(step, way, slope, offset, deviation, correlation, count)


def _tensors(parts: Sequence[Seen]) -> dict[str, Tensor]:
    """What is seen at one step, of all batches, by the names of a file; in half precision."""
    step, keys = parts[0].step, parts[0].maps
    whole = {"/".join(("maps", *key)): torch.cat([of.maps[key] for of in parts]) for key in keys}
    whole["clean"] = torch.cat([of.clean for of in parts])
    return {f"{step}/{name}": of.half().contiguous() for name, of in whole.items()}


def _seen(tensors: Mapping[str, Tensor], step: int) -> Seen:
    own = {name.split("/", 1)[1]: of.float() for name, of in tensors.items() if name.startswith(f"{step}/")}
    maps = {(key.split("/")[1], key.split("/")[2]): of for key, of in own.items() if key.startswith("maps/")}
    return Seen(step, maps, own["clean"])
