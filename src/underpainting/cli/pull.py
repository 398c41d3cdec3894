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
) -> None:
    """Fetch a study from the Hugging Face hub, and check all its files.

    `ProbeSet.from_pretrained` fetches probes that stand alone.
    """
    from underpainting.sharing import pull as fetch

    pulled = fetch(repository, study, revision=revision)
    typer.echo(f"{len(pulled.rows)} pictures, {'done' if pulled.is_done else 'not finished'}")
    typer.echo(f"done: {study}")
