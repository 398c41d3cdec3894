"""`underpainting layers`: the self-attention layers of a model."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLES = ("underpainting layers", "underpainting layers CompVis/stable-diffusion-v1-4 --json")


def layers(
    model: Annotated[str, typer.Argument(help="Name or folder of a pipeline.")] = "stilllife",
    variant: Annotated[
        str | None, typer.Option(help="Of its weights' files, such as fp16.", show_default="the plain ones")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the self-attention layers of a model: short name, module path, grid of tokens, channels."""
    from underpainting.cli.progress import progress

    with progress():
        from underpainting.cli.show import as_json, table
        from underpainting.diffusion import load

        found = load(model, variant=variant).layers
    if json:
        as_json(
            [{"name": x.name, "path": x.path, "grid": list(x.grid), "channels": x.channels} for x in found]
        )
    else:
        table(
            ["name", "module path", "grid", "channels"],
            [[x.name, x.path, f"{x.grid[0]} x {x.grid[1]}", x.channels] for x in found],
        )
