"""`underpainting pull`: a study from the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PANEL = "Share"
EXAMPLES = ("underpainting pull OWNER/NAME STUDY", "underpainting pull OWNER/NAME STUDY --revision v1")


def pull(
    repository: Annotated[str, typer.Argument(help="OWNER/NAME on the hub.")],
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder to make the study in.")],
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit.", show_default="main")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Fetch however much it is.")] = False,
) -> None:
    """Fetch a study from the Hugging Face hub, check all its files, and write its report.

    Only a study's data is taken, and no code of it is run; see docs/security.md. `ProbeSet.from_pretrained`
    fetches probes that stand alone.
    """
    from underpainting.screen import progress

    with progress() as shown:
        from underpainting.sharing import MOST
        from underpainting.sharing import pull as fetch

        pulled = fetch(repository, study, revision=revision, most=None if yes else MOST, progress=shown)
    typer.echo(f"{len(pulled.rows)} pictures, {'done' if pulled.is_done else 'not finished'}")
    typer.echo(f"done: {study}")
