"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from underpainting.threads import ask_for

EDIT = "Edit"
DoneStudy = Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of a study that is done.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

Kind = Annotated[
    str | None,
    typer.Option(
        "--edit", rich_help_panel=EDIT, help="carry, covariance, minimum or gradient.", show_default=False
    ),
]
Strength = Annotated[
    float | None,
    typer.Option(
        rich_help_panel=EDIT, help="1: all the way to the target; more: beyond.", show_default=False
    ),
]
Steps = Annotated[
    str | None,
    typer.Option(
        metavar="FIRST-LAST", rich_help_panel=EDIT, help="Steps that are edited.", show_default=False
    ),
]
Layers = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=EDIT, help="Layers that are edited, with commas between.", show_default=False
    ),
]
Branches = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=EDIT,
        help="Branches that are edited: conditional, unconditional, with a comma between.",
        show_default=False,
    ),
]


Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        callback=ask_for,
        expose_value=False,
        help="Threads that each process computes with.",
        show_default="as the study was begun; else as many as CPUs are given",
    ),
]


def edit_settings(
    kind: str | None, strength: float | None, steps: str | None, layers: str | None, branches: str | None
) -> dict[str, Any]:
    """The settings of an edit that were given. Raises UnderpaintingError where steps are not two numbers."""
    from underpainting.cli.show import given, listed
    from underpainting.uses.intervene import two_numbers

    first, last = two_numbers(steps, "--steps", "-") if steps else (None, None)
    options = {"kind": kind, "strength": strength, "first": first, "last": last}
    return given({"": {**options, "layers": listed(layers), "branches": listed(branches)}})[""]
