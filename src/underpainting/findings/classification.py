"""When a classifier recognises a picture that is being made: tables of classifications in, findings out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from underpainting.findings.cubes import Scores
from underpainting.findings.intervals import Floats, mean
from underpainting.findings.steps import stays
from underpainting.observers.class_names import class_numbers, right_classes

SURE = 0.9
BINS = 10
TOP = 5
CLASS, ACCURACY = "class", "accuracy"
NOISY = "noisy"


@dataclass(frozen=True)
class Seen:
    """What a classifier sees in the pictures of one image, in one look (`noisy`, `clean`, `final`, ...).

    steps: of each picture. classes: those that are known at every one, and their probabilities [step, class].
    best: the first five classes of each picture, with their probabilities. right: the right classes; empty
    where none is named.
    """

    image: str
    prompt: str
    picture: str
    steps: tuple[int, ...]
    classes: tuple[str, ...]
    probabilities: Floats
    best: tuple[tuple[tuple[str, float], ...], ...]
    right: tuple[str, ...]

    @property
    def first(self) -> tuple[str, ...]:
        """The first class of each picture."""
        return tuple(best[0][0] for best in self.best)

    @property
    def confidence(self) -> Floats:
        """Its probability, [step]."""
        return np.array([best[0][1] for best in self.best])

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """Whether the first class is right, [step]."""
        return np.isin(self.first, self.right)

    @property
    def of_right(self) -> Floats:
        """Probability of the right classes together, [step]."""
        total: Floats = self.probabilities[:, np.isin(self.classes, self.right)].sum(1)
        return total


@dataclass(frozen=True)
class Recognised:
    """From which step the right class stays first, and from which it stays above 90 %; None is never.

    noise: of noisy pictures whose right class is what the classifier answers to noise: it is first without
    having been recognised.
    """

    image: str
    picture: str
    right: str
    first: int | None
    sure: int | None
    last: float
    noise: bool


@dataclass(frozen=True)
class NoiseAnswer:
    """What a classifier calls pure noise most often: its share of the pictures, and its mean probability."""

    name: str
    pictures: int
    share: float
    probability: float


@dataclass(frozen=True)
class Accuracy:
    """Share of pictures whose first class is right, with its 95 % interval over draws of prompts."""

    picture: str
    step: int
    pictures: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Calibration:
    """Pictures whose first class has a probability in a bin: its mean, and the share that is right."""

    picture: str
    above: float
    pictures: int
    probability: float
    accuracy: float


def read_seen(table: pa.Table, right: Sequence[str] = ()) -> list[Seen]:
    """A table of classifications, image by image and look by look.

    right: names of the right classes of all pictures; none given, each prompt names its own.
    """
    pictures: dict[tuple[str, str], dict[int, list[tuple[int, str, float]]]] = {}
    prompts: dict[str, str] = {}
    for row in table.to_pylist():
        held = row["rank"], row["class"], row["probability"]
        pictures.setdefault((row["image"], row["picture"]), {}).setdefault(row["step"], []).append(held)
        prompts[row["image"]] = row["prompt"]
    known, found = list(dict.fromkeys(table["class"].to_pylist())), []
    for (image, picture), by_step in pictures.items():
        steps = sorted(by_step)
        ranked = [sorted(by_step[step]) for step in steps]
        values = [{name: value for _, name, value in of} for of in ranked]
        classes = [name for name in known if all(name in of for of in values)]
        numbers = class_numbers(right, known) if right else right_classes(prompts[image], known)
        found.append(
            Seen(
                image,
                prompts[image],
                picture,
                tuple(steps),
                tuple(classes),
                np.array([[of[name] for name in classes] for of in values], dtype=np.float64),
                tuple(tuple((name, value) for rank, name, value in of if rank <= TOP) for of in ranked),
                tuple(known[i] for i in numbers),
            )
        )
    return found


def leaders(seen: Seen) -> list[str]:
    """Classes that are ever first, in the order of their first lead; a right class is among them."""
    return list(dict.fromkeys([*seen.first, *(name for name in seen.right if name in seen.classes)]))


def noise_answer(seen: Sequence[Seen]) -> NoiseAnswer | None:
    """The commonest first class of the first noisy pictures: their latents are the noise denoising starts at.

    Of classes equally common the more probable is taken. None where no noisy picture was looked at.
    """
    given = [of.best[0][0] for of in seen if of.picture == NOISY and of.steps[0] > 0]
    if not given:
        return None
    of_name: dict[str, list[float]] = {}
    for name, probability in given:
        of_name.setdefault(name, []).append(probability)
    name = max(of_name, key=lambda name: (len(of_name[name]), sum(of_name[name])))
    mine = of_name[name]
    return NoiseAnswer(name, len(given), len(mine) / len(given), sum(mine) / len(mine))


def recognised(seen: Sequence[Seen]) -> list[Recognised]:
    """When each image that names a class is recognised, in each look that has steps."""
    noise = noise_answer(seen)
    return [
        Recognised(
            of.image,
            of.picture,
            ", ".join(of.right),
            int(stays(of.is_right)) or None,
            int(stays(of.of_right > SURE)) or None,
            float(of.of_right[-1]),
            noise is not None and of.picture == NOISY and noise.name in of.right,
        )
        for of in seen
        if of.right and of.steps[0] > 0
    ]


def accuracies(seen: Sequence[Seen]) -> list[Accuracy]:
    """Accuracy by look and step, over the images that name a class."""
    found = []
    for picture in dict.fromkeys(of.picture for of in seen):
        mine = [of for of in seen if of.picture == picture and of.right]
        prompts = np.unique([of.prompt or of.image for of in mine], return_inverse=True)[1]
        for i, step in enumerate(mine[0].steps if mine else ()):
            values = np.array([float(of.is_right[i]) for of in mine])
            found.append(Accuracy(picture, step, len(mine), *mean(values, prompts).within))
    return found


def commonest(seen: Sequence[Seen]) -> float:
    """Accuracy by chance: the share of the images with a right class that have the commonest one."""
    right = {of.image: of.right for of in seen if of.right}
    return max(Counter(right.values()).values(), default=0) / max(1, len(right))


def calibration(seen: Sequence[Seen]) -> list[Calibration]:
    """Reliability of each look's probabilities over all its steps, in ten bins; empty ones are left out."""
    found = []
    for picture in dict.fromkeys(of.picture for of in seen):
        mine = [of for of in seen if of.picture == picture and of.right]
        if not mine:
            continue
        confidence = np.concatenate([of.confidence for of in mine])
        right = np.concatenate([of.is_right for of in mine])
        bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
        for number in np.unique(bins):
            here = bins == number
            means = float(confidence[here].mean()), float(right[here].mean())
            found.append(Calibration(picture, number / BINS, int(here.sum()), *means))
    return found


def calibration_error(rows: Sequence[Calibration]) -> float:
    """Expected calibration error of one look's bins (Guo et al. 2017)."""
    total = sum(row.pictures for row in rows)
    return sum(row.pictures * abs(row.probability - row.accuracy) for row in rows) / total


def probe_accuracies(test: Scores, calibrate: Scores) -> tuple[str, list[Accuracy]]:
    """The layer whose class probe is best on calibrate pictures, and its accuracy by step.

    The best is that of the highest mean over all steps: which layer tells the class at the last step says
    little of which tells it early.
    No layer and no rows where there are no class probes.
    """
    key = CLASS, ACCURACY, "probe"
    if key not in test.cubes:
        return "", []
    chosen = calibrate.cubes[key] if key in calibrate.cubes else test.cubes[key]
    i = int(np.nanmean(chosen[:, 1:], axis=(1, 2)).argmax())
    rows = []
    for step in range(1, test.steps + 1):
        share = mean(test.cubes[key][i, step], test.prompts)
        rows.append(Accuracy("probe", step, share.pictures, *share.within))
    return test.layers[i], rows
