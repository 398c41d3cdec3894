"""`underpainting compare`: studies side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from underpainting.cli._options import Json
from underpainting.vocabulary import STEPS

PANEL = "Ask"
EXAMPLES = ("underpainting compare demo permuted", "underpainting compare early late later --step 3 --json")


def compare(
    studies: Annotated[
        list[Path], typer.Argument(metavar="STUDY...", help="Folders of studies that are done.")
    ],
    step: Annotated[
        int | None,
        typer.Option(min=1, max=STEPS, help="The step to compare at.", show_default="each study's last one"),
    ] = None,
    json: Json = False,
) -> None:
    """Set studies side by side: models, checkpoints, layers, estimators.

    Scores are those at each study's own best layers, with 95 % intervals; differences from
    the first study are paired by prompt, over the prompts that both have.
    """
    from underpainting.cli._screen import interval, rows_as_json, table
    from underpainting.findings import compare_studies, unlike
    from underpainting.vocabulary import METRICS

    compared = compare_studies(studies, step)
    if json:
        rows_as_json(compared)
        return
    columns = ["property", "metric", "study", "layer", "mean", "95 % interval", "pictures"]
    columns += ["paired difference", "95 % interval", "prompts shared"]
    rows = []
    for row in compared:
        difference = ["-", "-", "-"]
        if row.difference is not None:
            within = interval(row.difference_low, row.difference_high)
            difference = [f"{row.difference:+.3f}", within, str(row.shared)]
        within = interval(row.low, row.high)
        own = [row.property, METRICS[row.metric], row.study, row.layer, row.mean, within, row.pictures]
        rows.append([*own, *difference])
    table(columns, rows, keys=4)
    properties = {study: {row.property for row in compared if row.study == str(study)} for study in studies}
    for study in studies[1:]:
        if not properties[study] & properties[studies[0]]:
            typer.echo(f"{study} and {studies[0]} have no property in common")
    for line in unlike(studies):
        typer.echo(line)
