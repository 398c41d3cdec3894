"""`underpainting push`: a study or its probes to the Hugging Face hub."""

from __future__ import annotations

from typing import Annotated

import typer

from underpainting.cli._options import DoneStudy

PANEL = "Share"
EXAMPLES = (
    "underpainting push STUDY OWNER/NAME --private",
    "underpainting push STUDY OWNER/NAME --probes",
)


def push(
    study: DoneStudy,
    repository: Annotated[str, typer.Argument(help="OWNER/NAME on the hub; made if it is not there.")],
    probes: Annotated[bool, typer.Option("--probes", help="Its probes alone, as a model.")] = False,
    private: Annotated[bool, typer.Option("--private", help="Make the repository private.")] = False,
) -> None:
    """Upload a study to the Hugging Face hub as a data set, with a card of scores, settings and hashes.

    Log in by `hf auth login` first. Prompts, pictures, labels and what study.toml names are all uploaded.
    """
    from underpainting.sharing import push as upload
    from underpainting.study.study import open_study

    address = upload(open_study(study), repository, probes_only=probes, private=private or None)
    typer.echo(f"done: {address}")
