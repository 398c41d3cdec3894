"""`underpainting init`: make a study folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from underpainting.cli._options import given_settings, taking_settings
from underpainting.study.request.presets import PRESETS, with_preset

PANEL, PLACE = "Study", 2
EXAMPLES = (
    "underpainting init STUDY --prompts prompts.csv",
    "underpainting init STUDY --preset chen2023 --prompts train.csv --test-prompts test.csv",
    "underpainting init STUDY --prompts stilllife --limit 60 --steps 10 --layers up.3.0,up.3.1",
    "underpainting init STUDY --preset sdxl --prompts prompts.txt --model OWNER/NAME",
    "underpainting init STUDY --prompts prompts.csv --estimator tracer,midas --controls latents,permuted",
)


@taking_settings(required=["prompts"])
def init(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder to make the study in.")],
    preset: Annotated[
        str | None,
        typer.Option(
            help="Begin from the settings of a preset: "
            + ", ".join(f"{name} ({preset.about})" for name, preset in PRESETS.items())
            + ".",
            show_default=False,
        ),
    ] = None,
    **settings: Any,
) -> None:
    """Make a study folder: its config, and its pictures split by prompt into fit, calibrate and test.

    Prompts that are the same to the model's text encoders are in one split, and pictures that it would make
    again are left out; both are said, and how many prompts are longer than the encoders read. A file of
    prompts without seeds has rows that are given 0, 1, and so on; a .txt file holds one prompt a line.

    The defaults are the still life's model and estimator, and the scheduler, steps and guidance of Chen,
    Viégas and Wattenberg 2023; a preset has others, and any option goes before it.
    """
    from underpainting.screen import progress

    with progress() as shown:
        from underpainting import workflow
        from underpainting.study.environment import study_needs
        from underpainting.study.request.config import parse_config

        config = parse_config(with_preset(preset, given_settings(settings)), "options")
        made = workflow.init(study, config, progress=shown)
    counts = ", ".join(f"{count} {split}" for split, count in made.images.items())
    typer.echo(f"{study}: {len(made.rows)} pictures ({counts})")
    missing = [needed for needed in study_needs(config) if not needed.here]
    for needed in missing:
        typer.echo(needed.line)
    run = f"fetch what is missing, then underpainting estimate {study}"
    typer.echo(f"next: {run if missing else f'underpainting estimate {study}, underpainting run {study}'}")
