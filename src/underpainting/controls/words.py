"""Attention to the word of the prompt's object: a map of the object that nobody trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from underpainting.controls.registry import (
    LONG,
    Control,
    FinishedPicture,
    FitPictures,
    Line,
    Maps,
    Source,
    register,
)
from underpainting.errors import UnderpaintingError
from underpainting.observers.class_names import naming_words
from underpainting.probes import Patches, best_threshold
from underpainting.readers import read_tensors
from underpainting.vocabulary import OBJECT

FILE = "words.safetensors"


def object_names(
    chosen: Sequence[Control], objects: Sequence[str], classes: Sequence[str]
) -> tuple[str, ...]:
    """What objects of prompts are called: as was said, or as a classifier's classes.

    None where no control reads their words. Raises UnderpaintingError where one does and nothing is known.
    """
    if not any(control.reads_words for control in chosen):
        return ()
    if not (objects or classes):
        raise UnderpaintingError(
            "control words needs to know what objects of prompts are called: name a classifier by "
            "--classifier, or them, such as --set controls.objects=mug,lemon"
        )
    return tuple(objects or classes)


def object_word(prompt: str, objects: Sequence[str]) -> str:
    """The words that name the prompt's object, by the names of all objects; nothing is guessed.

    Of several things the first is meant, as by `right_classes`. Raises UnderpaintingError where it names
    none.
    """
    word = naming_words(prompt, objects)
    if word is None:
        raise UnderpaintingError(
            f"control words: the prompt {prompt!r} names none of {', '.join(objects)}; name its object too, "
            "by --set controls.objects, or leave the control out"
        )
    return word


def of_largest(maps: Tensor) -> Tensor:
    """Maps [..., h, w] as shares of the largest value of each, 0 to 1."""
    return maps / maps.amax((-2, -1), keepdim=True).clamp(min=torch.finfo(maps.dtype).tiny)


class WordsControl(Control):
    """The network's own attention to the object's word, step by step, held against saliency.

    A map says object from a share of its own largest value on, as in DAAM (Tang et al. 2023, arXiv
    2210.04885); the share is chosen on the fit pictures, for each step.
    """

    key = "words"
    cost = "attention to the text is computed once more at every step"
    reads_words = True
    sources = (
        Source(
            "words",
            "attention to the object's word",
            "the attention to the object's word",
            Line("ink", LONG),
            panel="pictures",
            has_layer=False,
        ),
    )

    def __init__(self, thresholds: Tensor | None = None) -> None:
        """thresholds [step]: that share, once it is chosen."""
        self._thresholds = thresholds

    def train(self, pictures: FitPictures, folder: Path) -> None:
        """Choose the threshold of each step by the mean Dice over the fit pictures."""
        assert pictures.words is not None
        steps = pictures.words.shape[1]
        thresholds = torch.zeros(steps, dtype=torch.float64)
        if OBJECT in pictures.labels:
            labels = Patches.of(pictures.labels[OBJECT], (pictures.words.shape[2], pictures.words.shape[3]))
            for step in range(steps):
                scores = of_largest(pictures.words[:, step]).flatten(1)
                thresholds[step] = best_threshold(scores, labels)[0]
        save_file({"thresholds": thresholds}, folder / FILE)

    def opened(self, folder: Path) -> WordsControl:
        """With the thresholds in that folder."""
        return WordsControl(read_tensors(folder / FILE, "control of words", "run the study")["thresholds"])

    def maps(self, picture: FinishedPicture) -> dict[str, Maps]:
        """Of saliency alone."""
        assert picture.words is not None and self._thresholds is not None
        above = of_largest(picture.words) - self._thresholds[:, None, None]
        return {"words": {of.name: above for of in picture.properties if of.name == OBJECT}}


register(WordsControl())
