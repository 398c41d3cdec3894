"""`underpainting layers`: what can be watched of a model."""

from __future__ import annotations

from typing import Annotated

import typer

from underpainting.cli._options import Json
from underpainting.vocabulary import MOST_BLOCKS

PANEL, PLACE = "Study", 8
EXAMPLES = (
    "underpainting layers",
    "underpainting layers --layers blocks,cross-attention --every-nth-block 2",
    "underpainting layers CompVis/stable-diffusion-v1-4 --layers all --json",
)


def layers(
    model: Annotated[str, typer.Argument(help="Name or folder of a pipeline.")] = "stilllife",
    layers: Annotated[
        str,
        typer.Option(
            help="self-attention, cross-attention, blocks (the residual stream), mlp, all, names, globs such "
            "as up.*, or module paths. With commas between."
        ),
    ] = "self-attention",
    every_nth_block: Annotated[
        int,
        typer.Option(
            min=1, max=MOST_BLOCKS, help="Of a kind of layers, or of a glob, list those of every n-th block."
        ),
    ] = 1,
    json: Json = False,
) -> None:
    """List layers of a model: short name, kind, module path, grid of tokens, channels.

    No weights are read: configurations and tokenizers are enough.
    """
    from underpainting.cli._options import listed
    from underpainting.cli._screen import as_json, table
    from underpainting.errors import UnderpaintingError
    from underpainting.screen import progress

    if not (names := listed(layers)):
        raise UnderpaintingError("--layers is empty: give self-attention, all, or other names")
    with progress():
        from underpainting.diffusion.shapes import load_shapes

        loaded = load_shapes(model)
        chosen = loaded.resolve(names, every_nth_block=every_nth_block)
        kinds = {layer.path: kind for kind, of in loaded.kinds.items() for layer in of}
    rows = [(of, kinds.get(of.path, "other")) for of in chosen]
    if json:
        as_json(
            [
                {"name": x.name, "kind": kind, "path": x.path, "grid": list(x.grid), "channels": x.channels}
                for x, kind in rows
            ]
        )
    else:
        table(
            ["name", "kind", "module path", "grid", "channels"],
            [[x.name, kind, x.path, f"{x.grid[0]} x {x.grid[1]}", x.channels] for x, kind in rows],
        )
