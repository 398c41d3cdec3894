"""An intervention in hand: painted, looked at, kept only if wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from underpainting import markup
from underpainting.intervention.act import paint, shown_as, strip
from underpainting.intervention.drawing import contact_sheet
from underpainting.intervention.kept import keep, own_folder, require_free
from underpainting.intervention.many import cautions, wanted
from underpainting.intervention.painter import Painter, check_edit
from underpainting.intervention.picture import Intervened
from underpainting.progress import Progress
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import OBJECT


@dataclass(frozen=True)
class Intervention(Intervened):
    """What came of an intervention: asked, edit, before, after, target, scores, followed, advice.

    `before.picture` and `after.picture` are uint8 [height, width, 3]. In a notebook it shows both, with the
    target's outline.
    """

    study: StudyFolder = field(repr=False)

    @property
    def advice(self) -> list[str]:
        """A sentence on each property that did not follow, and what to try."""
        edit = {"kind": self.edit.kind} | self.another
        return [f"{sentence}; try edit={edit}" for sentence in self.shortfalls]

    def save(self, folder: str | Path | None = None) -> Path:
        """Keep it in a folder, as `underpainting intervene` does and `replay` reads; returns the folder.

        folder: one in the study's `interventions`, named by prompt and seed, unless told. Raises
        UnderpaintingError where it is there already.
        """
        drawn = self.target[OBJECT] if self.asked.drawn else None
        own = own_folder(self.study, self.asked, self.edit, drawn)
        home = own if folder is None else Path(folder)
        require_free(home)
        keep(self, self.study, strip(self), home)
        return home

    def _repr_html_(self) -> str:
        words = f"{self.asked.prompt}, unedited and with the object {self.asked.words}"
        advice = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.advice)
        return markup.picture(contact_sheet([shown_as(self)]), words) + advice


def intervention(
    painter: Painter,
    asked: Mapping[str, Any],
    edit: Mapping[str, Any],
    mask: Any = None,
    progress: Progress | None = None,
) -> Intervention:
    """Paint one picture as it is and with edited activations, and keep nothing.

    Options and errors are those of `act.intervene`; mask may be an array [height, width] too.
    """
    study, progress = painter.study, progress or Progress()
    want = wanted(study, asked, edit, mask)
    check_edit(study, painter.probes, want.edit)
    progress.start(2)
    for line in cautions(study, [want]):
        progress.note(line)
    return Intervention(**vars(paint(painter, want, progress, progress.phase)), study=study)
