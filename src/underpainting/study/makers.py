"""What a study's commands make: parts, each of which is whole or not there, in whatever process.

A command has a maker of its parts. The maker's recipe sets up the same one in another process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from underpainting.study.study import StudyFolder


class PartOfStudy(Protocol):
    """Says what is to be made, as data that goes to any process. Made again, it has the same bytes."""

    @property
    def name(self) -> str:
        """What a line calls it, such as `shard 12`."""

    @property
    def size(self) -> float:
        """What progress counts when it is whole: its pictures, or network evaluations."""


@dataclass(frozen=True)
class Whole:
    """A part that is made: files and folders, in the order in which they are put into the study.

    aside: why pictures were left out, by name.
    """

    paths: tuple[Path, ...]
    aside: Mapping[str, str] = field(default_factory=dict)


Made = TypeVar("Made", bound=PartOfStudy)
Asked = TypeVar("Asked", bound=PartOfStudy, contravariant=True)


class Maker(Protocol[Asked]):
    """Makes parts of one kind in this process."""

    @property
    def recipe(self) -> Recipe:
        """What sets up the same maker elsewhere; it can be pickled."""

    @property
    def places(self) -> Sequence[Path]:
        """The folders that parts are put into."""

    def takes(self, part: Asked) -> Sequence[Path]:
        """What making a part takes of the study's files and folders, beside its config and pictures."""

    def make(self, part: Asked) -> Whole:
        """Make a part."""

    def fault(self, arrived: Path, target: Path) -> str | None:
        """What is wrong with a file or folder of a part that was made elsewhere for a path of the study.

        Raises UnderpaintingError where it is as it was made, and still may not be put there.
        """


Load = Callable[[StudyFolder], Any]
"""Loads what makers work with; a function of a module, for other processes import it."""

Recipe = Callable[[StudyFolder, Any, Path], tuple[Maker[Any], Sequence[str]]]
"""From a study, what was loaded for it, and the folder that the command writes in: a maker, and lines about
what differs in that process.

Raises UnderpaintingError where what was loaded is not what the command works with.
"""


class Make(Protocol):
    """Makes parts, wherever."""

    def __call__(self, maker: Maker[Made], parts: Sequence[Made], /) -> Iterator[tuple[Made, Whole]]:
        """Give each part when it is whole, in their order; progress is told of them."""


def here(maker: Maker[Made], parts: Sequence[Made], /) -> Iterator[tuple[Made, Whole]]:
    """Make parts in this process, where the maker itself tells the progress."""
    for part in parts:
        yield part, maker.make(part)
