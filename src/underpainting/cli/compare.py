"""`underpainting compare`: studies side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = ("underpainting compare demo permuted", "underpainting compare early late later --json")


def compare(
    folders: Annotated[list[Path], typer.Argument(help="Folders of studies that are done.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Set studies side by side: models, checkpoints, layers, estimators.

    Scores are those of the last step at each study's own best layers, with 95 % intervals; differences from
    the first study are paired by prompt, over the prompts that both have.
    """
    from dataclasses import asdict

    from underpainting.cli.show import as_json, comparison
    from underpainting.workflow import compare as work

    found = work(folders)
    if json:
        as_json([asdict(row) for row in found])
    else:
        comparison(found)
