"""`underpainting doctor`: are the weights here?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = ("underpainting doctor", "underpainting doctor STUDY", "underpainting doctor STUDY --json")


def doctor(
    folder: Annotated[Path | None, typer.Argument(help="Folder of a study; none: all that is known.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say for all weights that a study needs whether they are here, and how to get those that are not.

    Model, estimators and classifier: where each was looked for, its size, its licence, and the command that
    fetches it. Nothing is loaded or fetched. The exit code is 1 where something is missing.
    """
    from dataclasses import asdict

    from underpainting.cli.show import as_json, table
    from underpainting.weights import readable
    from underpainting.workflow import doctor as work

    found = work(folder)
    if json:
        as_json([asdict(needed) for needed in found])
    else:
        rows = [
            [of.part, of.name, "yes" if of.here else "no", readable(of.size) if of.size else "-", of.licence]
            for of in found
        ]
        table(["part", "name", "here", "size", "licence"], rows)
        for of in found:
            if not of.here:
                typer.echo(of.line)
    if not all(of.here for of in found):
        raise typer.Exit(1)
