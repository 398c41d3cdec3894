"""What an estimator and a classifier are: whatever has these names and can be called."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor


class Estimator(Protocol):
    """Whatever labels pictures: any class of your own that has these four, and takes no arguments to make.

    name: what it is called in tables. fingerprint: a text that is another whenever its maps would be, such as
    a hash of weights; a study that was begun with one refuses another. properties: what it gives a map of, by
    names of letters, digits, blanks and _.:+@()-. Which of them are maps of 0 and 1 it may say as `binary`;
    unsaid, `saliency` alone is. Binary ones are scored by Dice and average precision, others by rank and
    linear correlation. What weights it takes it may say as `weights` (see `underpainting.weights`): `doctor`
    then tells of them.

    It is called with pictures [picture, 3, height, width], float32 RGB in 0..1, and gives a mapping with a
    map [picture, height, width] for each property: of the pictures' size, finite, a binary one's values 0 and
    1, any other's in units of its own. By convention `depth` is relative inverse depth (near is large), and
    `shading` grows with light. A picture's map must not depend on what else is in its batch. A picture on
    which it raises, or whose map is none of this, is set aside.

    One of edges and warmth, in a file `mine.py` of the current folder, is `load_estimator("mine:Edges")`, on
    the command line `--estimator mine:Edges`:

        import torch

        class Edges:
            name, fingerprint = "edges", "version 1"
            properties, binary = ("edges", "warmth"), ("edges",)

            def __call__(self, pictures):
                light = pictures.mean(1)  # [picture, height, width]
                steep = torch.stack(torch.gradient(light, dim=(1, 2))).norm(dim=0)
                return {"edges": (steep > 0.1).float(), "warmth": pictures[:, 0] - pictures[:, 2]}
    """

    @property
    def name(self) -> str:
        """What it is called in tables."""
        ...

    @property
    def fingerprint(self) -> str:
        """A text that is another whenever its maps would be."""
        ...

    @property
    def properties(self) -> Sequence[str]:
        """What it gives a map of."""
        ...

    def __call__(self, pictures: Tensor) -> Mapping[str, Tensor]:
        """Maps [picture, height, width] by property, from pictures [picture, 3, height, width] in 0..1."""
        ...


class Classifier(Protocol):
    """Whatever names what a picture shows: any class of your own that has these four, made without arguments.

    name: what it is called in tables. fingerprint: a text that is another whenever its answers would be.
    classes: names in the order of its probabilities; synonyms may stand between commas ("mug, cup"). It is
    called with pictures [picture, 3, height, width], float32 RGB in 0..1, and gives probabilities
    [picture, class] from 0 that add up to 1. In a file `mine.py` it is `load_classifier("mine:Warmth")`:

        import torch

        class Warmth:
            name, fingerprint, classes = "warmth", "version 1", ("cold", "warm, hot")

            def __call__(self, pictures):
                warm = (0.5 + pictures[:, 0] / 2 - pictures[:, 2] / 2).mean((1, 2))
                return torch.stack([1 - warm, warm], dim=1)
    """

    @property
    def name(self) -> str:
        """What it is called in tables."""
        ...

    @property
    def fingerprint(self) -> str:
        """A text that is another whenever its answers would be."""
        ...

    @property
    def classes(self) -> Sequence[str]:
        """Names in the order of its probabilities."""
        ...

    def __call__(self, pictures: Tensor) -> Tensor:
        """Probabilities [picture, class] from pictures [picture, 3, height, width] in 0..1."""
        ...
