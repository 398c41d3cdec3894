"""`underpainting import-probes`: published checkpoints as a probe set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PANEL = "Share"
EXAMPLES = (
    "underpainting import-probes probe_checkpoints/large_syn_dataset PROBES",
    "underpainting import-probes my_checkpoints PROBES --property shading",
)


def import_probes(
    folder: Annotated[Path, typer.Argument(help="Folder that holds at_step_0 to at_step_14.")],
    out: Annotated[Path, typer.Argument(help="Folder to make: probes.safetensors and card.json.")],
    property: Annotated[
        str | None,
        typer.Option(help="What the probes read.", show_default="from the names of files and folder"),
    ] = None,
) -> None:
    """Read the probes that Chen, Viegas and Wattenberg (2023) published into a probe set.

    `ProbeSet.load` reads it; steps count from 1, and a two-class probe reads the difference of its outputs.
    """
    from underpainting.errors import UnderpaintingError
    from underpainting.probes import import_published
    from underpainting.records import atomic_folder, require_makeable

    probes = import_published(folder, property)
    require_makeable(out, "name another folder")
    if out.exists():
        raise UnderpaintingError(f"{out} is there already; name another folder")
    with atomic_folder(out) as temporary:
        probes.save(temporary)
    layers = ", ".join(layer.name for layer in probes.layers)
    typer.echo(f"{len(probes.entries)} probes of {', '.join(probes.properties)} at {layers}")
    typer.echo(f"done: {out}")
