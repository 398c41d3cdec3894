"""`underpainting pull`: a study from the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = ("underpainting pull OWNER/NAME STUDY", "underpainting pull OWNER/NAME STUDY --revision v1")


def pull(
    repository: Annotated[str, typer.Argument(help="OWNER/NAME on the hub.")],
    folder: Annotated[Path, typer.Argument(help="Folder to make the study in.")],
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit.", show_default="main")] = None,
) -> None:
    """Fetch a study from the Hugging Face hub, and check all its files.

    `ProbeSet.from_pretrained` fetches probes that stand alone.
    """
    from underpainting.workflow import pull as work

    study = work(repository, folder, revision=revision)
    typer.echo(f"{len(study.rows)} pictures, {'done' if study.done else 'not finished'}")
    typer.echo(f"done: {folder}")
