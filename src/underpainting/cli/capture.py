"""`underpainting capture`: write a study's activations to disk."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from underpainting.cli._options import Address, AnyStudy, GpusPerWorker, On, Threads, Workers

PANEL = "Share"
EXAMPLES = (
    "underpainting capture STUDY --layers up.3.0 --steps 1,3,8,15",
    "underpainting capture STUDY --split fit --branches conditional,unconditional --dtype float32",
    "underpainting capture STUDY --layers up.3.0 --workers auto",
)
ASK_ABOVE = 10_000_000_000  # bytes


def capture(
    study: AnyStudy,
    out: Annotated[Path, typer.Option(help="Folder for the activations, one file an image.")] = Path(
        "captures"
    ),
    layers: Annotated[
        str | None, typer.Option(help="Layers, with commas between.", show_default="the study's")
    ] = None,
    steps: Annotated[
        str | None, typer.Option(help="Steps from 1, with commas between.", show_default="all")
    ] = None,
    branches: Annotated[
        str | None, typer.Option(help="conditional, unconditional or both.", show_default="the study's")
    ] = None,
    dtype: Annotated[str, typer.Option(help="float16, bfloat16 or float32.")] = "float16",
    split: Annotated[
        str | None, typer.Option(help="fit, calibrate or test pictures only.", show_default="all")
    ] = None,
    workers: Workers = None,
    on: On = "here",
    address: Address = None,
    gpus_per_worker: GpusPerWorker = None,
    threads: Threads = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before writing more than 10 GB.")] = False,
) -> None:
    """Write the activations of a study's pictures: safetensors, one file an image, to train on or look into.

    What it takes on disk is printed first. Images that are there already are not made again. The study need
    not be run, and is not changed. `underpainting.Captures` reads the folder.
    """
    from underpainting.cli._options import listed, numbers, placed
    from underpainting.errors import UnderpaintingError
    from underpainting.screen import MISSING, progress

    with progress():
        where = placed(workers, on, address, gpus_per_worker)
        from underpainting.captures.write import carry_out, plan_capture
        from underpainting.study.study import open_study
        from underpainting.weights import readable

        plan = plan_capture(
            open_study(study),
            out,
            layers=listed(layers),
            steps=numbers(steps, "--steps"),
            branches=listed(branches),
            dtype=dtype,
            split=split,
        )
    needed = plan.bytes_needed
    typer.echo(f"{len(plan.missing)} of {len(plan.rows)} images to make, {readable(needed)} in {out}")
    if needed > ASK_ABOVE and not yes:
        if not sys.stdin.isatty():
            raise UnderpaintingError(
                f"{readable(needed)} is more than {readable(ASK_ABOVE)}; give --yes to go on"
            )
        if not typer.confirm("Go on?"):
            raise typer.Exit(1)
    with progress(MISSING) as shown:
        carry_out(plan, shown, **where)
    typer.echo(f"done: {out}")
