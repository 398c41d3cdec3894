"""Attention to the object's word as a map of the object: whose word it is, and where it says object."""

from pathlib import Path

import pytest
import torch

from underpainting.controls import FinishedPicture, FitPictures, controls, defaults
from underpainting.controls.words import object_names, object_word
from underpainting.errors import UnderpaintingError
from underpainting.vocabulary import Property

SALIENCY, DEPTH = Property("saliency", True), Property("depth", False)
OBJECTS = ("mug", "orange", "table", "tiger cat, Felis")
PICTURE = torch.zeros(8, 8, 3, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        ("a photo of a blue mug on a table", "mug"),
        ("Two MUGS", "MUGS"),
        ("an orange table", "table"),
        ("an orange", "orange"),
        ("a tiger  cat, asleep", "tiger  cat"),
    ],
)
def test_the_objects_word_is_as_it_stands_in_the_prompt(prompt: str, word: str) -> None:
    assert object_word(prompt, OBJECTS) == word


def test_nothing_is_guessed() -> None:
    with pytest.raises(UnderpaintingError, match=r"the prompt 'a dog' names none of mug, orange"):
        object_word("a dog", OBJECTS)
    control, others = controls()["words"], [controls()["luminance"]]
    assert "words" not in defaults() and object_names(others, ("mug",), ("lemon",)) == ()
    assert object_names([control], ("mug",), ("lemon",)) == ("mug",)
    assert object_names([control], (), ("lemon",)) == ("lemon",)
    with pytest.raises(UnderpaintingError, match="name a classifier by --classifier, or them, such as --set"):
        object_names([control], (), ())


def test_it_says_object_from_the_best_share_of_its_largest_value(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    mask = (torch.rand(6, 8, 8, generator=generator) > 0.7).float()
    noise = torch.rand(6, 2, 8, 8, generator=generator)
    units = torch.rand(6, 1, 1, 1, generator=generator) / 100 + 1e-4  # each picture's own
    words = units * torch.stack([noise[:, 0] + mask, noise[:, 1]], 1)
    control = controls()["words"]
    control.train(
        FitPictures((SALIENCY, DEPTH), {"saliency": mask, "depth": mask}, None, None, words), tmp_path
    )
    opened = control.opened(tmp_path)
    pictures = [FinishedPicture(PICTURE, {}, None, None, (SALIENCY, DEPTH), words=of) for of in words]
    maps = [opened.maps(picture)["words"] for picture in pictures]
    assert all(of.keys() == {"saliency"} and of["saliency"].shape == (2, 8, 8) for of in maps)

    def mean_dice(found: torch.Tensor) -> float:
        overlap, size = (found & (mask > 0)).sum((1, 2)), found.sum((1, 2)) + mask.sum((1, 2))
        return float((2 * overlap / size).mean())

    shares = words / words.amax((2, 3), keepdim=True)
    for step in (0, 1):
        own = mean_dice(torch.stack([of["saliency"][step] > 0 for of in maps]))
        assert own >= max(mean_dice(shares[:, step] > cut) for cut in torch.linspace(0, 1, 101)) - 1e-6


def test_without_saliency_it_says_nothing(tmp_path: Path) -> None:
    control, words = controls()["words"], torch.rand(3, 2, 4, 4)
    control.train(FitPictures((DEPTH,), {"depth": words[:, 0]}, None, None, words), tmp_path)
    picture = FinishedPicture(PICTURE, {}, None, None, (DEPTH,), words=words[0])
    assert control.opened(tmp_path).maps(picture) == {"words": {}}
