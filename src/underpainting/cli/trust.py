"""`underpainting trust`: a yes to code that a study from elsewhere names."""

from __future__ import annotations

from typing import Annotated

import typer

PANEL = "Share"
EXAMPLES = ("underpainting trust edges:Edges",)


def trust(
    classes: Annotated[list[str], typer.Argument(metavar="CLASS...", help="Of one's own, as module:Class.")],
) -> None:
    """Let studies that came from elsewhere run a class of your Python path that they name.

    Read its code first: it can do whatever you can. The yes is remembered for that class of that file, for
    you, on this machine; `init` remembers the classes that it is given.
    """
    from underpainting.study.trust import trust as say_yes

    for name, file in say_yes(classes).items():
        typer.echo(f"{name} of {file} may be run")
