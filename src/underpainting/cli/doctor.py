"""`underpainting doctor`: are the weights here?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from underpainting.cli._options import Json

if TYPE_CHECKING:
    from underpainting.observers.needs import Needed

PANEL, PLACE = "Study", 7
EXAMPLES = ("underpainting doctor", "underpainting doctor STUDY", "underpainting doctor STUDY --json")


def doctor(
    study: Annotated[
        Path | None, typer.Argument(metavar="[STUDY]", help="Folder of a study; none: all that is known.")
    ] = None,
    json: Json = False,
) -> None:
    """Say for all weights that a study needs whether they are here, and how to get those that are not.

    Model, estimators and classifier: where each was looked for, its size, its licence, and the command that
    fetches it. Nothing is loaded or fetched. The exit code is 1 where something is missing. Without a study
    it lists all that is known by name.
    """
    from underpainting.cli._screen import rows_as_json
    from underpainting.observers.needs import known_needs
    from underpainting.study.environment import study_needs
    from underpainting.study.request.suited import about_observers
    from underpainting.study.study import open_study
    from underpainting.study.trust import require_trust

    if study is None:
        known = known_needs()
        if json:
            rows_as_json(known)
        else:
            _show(known)
            typer.echo("what a study needs, and what fetches it: underpainting doctor STUDY")
        return
    opened = open_study(study)
    require_trust(opened)
    weights = study_needs(opened.config)
    for line in about_observers(opened.config):
        typer.echo(f"underpainting: {line}", err=True)
    if json:
        rows_as_json(weights)
    else:
        _show(weights)
        for one in weights:
            if not one.here:
                typer.echo(one.line)
    if not all(one.here for one in weights):
        raise typer.Exit(1)


def _show(weights: Sequence[Needed]) -> None:
    from underpainting.cli._screen import table
    from underpainting.weights import readable

    rows = [
        [
            one.part,
            one.name,
            "yes" if one.here else "no",
            readable(one.size) if one.size else "-",
            one.licence,
        ]
        for one in weights
    ]
    table(["part", "name", "here", "size", "licence"], rows, keys=2)
