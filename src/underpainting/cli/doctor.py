"""`underpainting doctor`: are the weights here?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from underpainting.cli._options import Json

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
    fetches it. Nothing is loaded or fetched. The exit code is 1 where something is missing.
    """
    from underpainting.cli._screen import rows_as_json, table
    from underpainting.observers.needs import known_needs
    from underpainting.study.environment import study_needs
    from underpainting.study.study import open_study
    from underpainting.study.trust import require_trust
    from underpainting.weights import readable

    if study is None:
        weights = known_needs()
    else:
        opened = open_study(study)
        require_trust(opened)
        weights = study_needs(opened.config)
    if json:
        rows_as_json(weights)
    else:
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
        for one in weights:
            if not one.here:
                typer.echo(one.line)
    if not all(one.here for one in weights):
        raise typer.Exit(1)
