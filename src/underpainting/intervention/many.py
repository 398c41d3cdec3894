"""Many interventions, each with a target of its own, from a file of prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.intervention.asked import Asked, make_asked
from underpainting.intervention.edit import Edit
from underpainting.intervention.masks import about_mask, drawn_mask
from underpainting.intervention.picture import Intervened, edit_of, two_numbers
from underpainting.records import BATCH, table_of_rows
from underpainting.records.pictures import SUFFIXES
from underpainting.study.request.prompts import read_column, read_prompts
from underpainting.study.request.suited import about_words
from underpainting.study.study import StudyFolder


@dataclass(frozen=True)
class Wanted:
    """One intervention that is wanted: the picture's name, what is asked, the edit, the mask and its file."""

    image: str
    asked: Asked
    edit: Edit
    drawn: Tensor | None = None
    mask: Path | None = None


def wanted(
    study: StudyFolder,
    settings: Mapping[str, Any],
    edit: Mapping[str, Any],
    mask: Any = None,
    image: str = "",
) -> Wanted:
    """An intervention, checked as far as can be without a model.

    settings: of `Asked`. edit: of an edit, as far as given. mask: a file that was drawn, or an array [height,
    width]. Raises UnderpaintingError where the study is not done, and as `make_asked`, `edit_of` and
    `drawn_mask`.
    """
    study.require_done()
    asked = make_asked({**settings, "drawn": mask is not None})
    if mask is None:
        return Wanted(image, asked, edit_of(study, asked, edit))
    file = Path(mask) if isinstance(mask, str | Path) else Path("array")
    return Wanted(image, asked, edit_of(study, asked, edit), drawn_mask(mask), file)


def cautions(study: StudyFolder, wants: Sequence[Wanted]) -> list[str]:
    """What is doubtful of what is asked: words that the model has not learnt, masks that seem inverted."""
    drawn = [(want.drawn, want.mask) for want in wants if want.drawn is not None and want.mask is not None]
    inverted = [line for mask, file in drawn for line in about_mask(mask, file)]
    return [*about_words(study.config, [want.asked.prompt for want in wants]), *inverted]


def read_wanted(
    study: StudyFolder, file: str, settings: Mapping[str, Any], edit: Mapping[str, Any], masks: Path | None
) -> list[Wanted]:
    """An intervention a row of a file of prompts.

    settings: what is asked of every picture. The file's column `move`, where it has one, asks for a move of
    the row's own. masks: a folder that holds a mask for every picture, named by it.

    Raises UnderpaintingError where a row cannot be read, a mask is missing, or as `wanted`.
    """
    rows, moves = read_prompts(file), read_column(file, "move")
    if moves is not None and len(moves) != len(rows):
        raise UnderpaintingError(f'{file}: column move cannot be told from others; write moves as "0.2,-0.1"')
    drawn = {} if masks is None else _masks(masks, [row.image for row in rows])
    found = []
    for number, row in enumerate(rows):
        own: dict[str, Any] = {"prompt": row.prompt, "seed": row.seed}
        if moves is not None and moves[number].strip():
            right, down = two_numbers(moves[number], f"{file} row {number + 1}: move", ",", "0.2,-0.1")
            own |= {"right": right, "down": down}
        found.append(wanted(study, {**settings, **own}, edit, drawn.get(row.image), row.image))
    return found


def batch_table(made: Mapping[str, Intervened]) -> pa.Table:
    """Every score of every picture, unedited and edited, by the pictures' names: rows of `BATCH`."""
    rows = [
        (image, of.asked.prompt, of.asked.seed, *key, *both, of.before.seen, of.after.seen)
        for image, of in made.items()
        for key, both in of.scores.items()
    ]
    return table_of_rows(BATCH, rows)


def _masks(folder: Path, images: Sequence[str]) -> dict[str, Path]:
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    found = {file.stem: file for file in files if file.suffix.lower() in SUFFIXES}
    if missing := [image for image in images if image not in found]:
        raise UnderpaintingError(
            f"{folder} holds no mask for {len(missing)} of {len(images)} pictures; put {missing[0]}.png there"
        )
    return found
