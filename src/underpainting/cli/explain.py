"""`underpainting explain`: the page of an error or a term, in the terminal."""

from __future__ import annotations

import re
import sys
from posixpath import join, normpath
from typing import Annotated

import typer

PANEL, PLACE = "Study", 10
EXAMPLES = ("underpainting explain", "underpainting explain damage", "underpainting explain emergence")
_LINK = re.compile(r"\]\((?!\w+:|#)([^)]+)\)")


def explain(
    name: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]", help="Of an error, as a refusal tells it, or a term.", show_default=False
        ),
    ] = None,
) -> None:
    """Print what an error means and what to do, or what a term means; without a name, list both."""
    from underpainting.cli._screen import table
    from underpainting.explained import errors, explanation, terms

    if not name:
        table(["error", "what it says"], list(errors().items()))
        typer.echo(f"\nterms: {', '.join(terms())}")
        return
    text, folder = explanation(" ".join(name))
    show_page(text, folder)


def show_page(text: str, folder: str) -> None:
    """Print Markdown, drawn where a terminal reads it. folder: of the docs, from which its links lead."""
    from rich.console import Console
    from rich.markdown import Markdown

    from underpainting.report.terms import DOCS

    text = _LINK.sub(lambda link: f"]({DOCS}/{normpath(join(folder, link[1]))})", text)
    if sys.stdout.isatty():
        Console().print(Markdown(text, hyperlinks=False))
    else:
        typer.echo(text.rstrip())
