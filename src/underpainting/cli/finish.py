"""What is shown of a study that is done."""

from __future__ import annotations

from dataclasses import asdict

import typer

from underpainting.cli import show
from underpainting.study.folder import Study
from underpainting.study.results import results
from underpainting.workflow.studies import headlines


def finish(study: Study, json: bool) -> None:
    """Print a row a property (all scores as JSON), and where the report is (on stderr with JSON)."""
    if json:
        show.as_json([asdict(result) for result in results(study)])
    else:
        show.headlines(headlines(study))
    typer.echo(f"done: {study.report}", err=json)
