"""`underpainting layers`: the self-attention layers of a model."""

from __future__ import annotations

from typing import Annotated

import typer

from underpainting.cli._options import Json, Variant

PANEL, PLACE = "Study", 8
EXAMPLES = ("underpainting layers", "underpainting layers CompVis/stable-diffusion-v1-4 --json")


def layers(
    model: Annotated[str, typer.Argument(help="Name or folder of a pipeline.")] = "stilllife",
    variant: Variant = None,
    json: Json = False,
) -> None:
    """List the self-attention layers of a model: short name, module path, grid of tokens, channels."""
    from underpainting.cli._screen import as_json, table
    from underpainting.screen import progress

    with progress():
        from underpainting.diffusion import load

        known = load(model, variant=variant).layers
    if json:
        as_json(
            [{"name": x.name, "path": x.path, "grid": list(x.grid), "channels": x.channels} for x in known]
        )
    else:
        table(
            ["name", "module path", "grid", "channels"],
            [[x.name, x.path, f"{x.grid[0]} x {x.grid[1]}", x.channels] for x in known],
        )
