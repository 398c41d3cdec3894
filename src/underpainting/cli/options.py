"""Options that several commands have."""

from typing import Annotated

import typer

Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        help="Threads that each process computes with.",
        show_default="as the study was begun; else as many as CPUs are given",
    ),
]
