"""What is shown of a study that is done."""

from __future__ import annotations

import typer

from underpainting.cli import show
from underpainting.records import EMERGENCE, LEADS, read_table
from underpainting.study.folder import Study
from underpainting.study.results import results


def finish(study: Study, json: bool) -> None:
    """Print the results, and where the report is (on stderr with JSON)."""
    show.results(results(study), json)
    if not json:
        leads = read_table(study.leads, LEADS).to_pylist()
        show.emergence(read_table(study.emergence, EMERGENCE).to_pylist(), leads)
    typer.echo(f"done: {study.report}", err=json)
