"""`underpainting init`: make a study folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = (
    "underpainting init STUDY --prompts prompts.csv",
    "underpainting init STUDY --preset chen2023 --prompts train.csv --test-prompts test.csv",
    "underpainting init STUDY --prompts stilllife --limit 60 --steps 10 --layers up.3.0,up.3.1",
)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make the study in.")],
    prompts: Annotated[
        str,
        typer.Option(
            help="CSV or Parquet with columns prompt,seed or prompts,seeds,prompt_inds; without seeds, rows "
            "are given 0, 1, ..."
        ),
    ],
    test_prompts: Annotated[
        str | None,
        typer.Option(
            help="A file whose pictures test; those of --prompts then fit and calibrate.",
            show_default="none: a share of --prompts",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Begin from a published study's settings: chen2023 or chen2023-shading.", show_default="none"
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Name or folder of a pipeline.", show_default="stilllife")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Take only the first rows.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="lms, ddim, euler, heun, dpm++, pndm or pipeline.", show_default="lms")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.", show_default="15")] = None,
    guidance_scale: Annotated[
        float | None, typer.Option(help="Classifier-free guidance.", show_default="7.5")
    ] = None,
    height: Annotated[
        int | None, typer.Option(help="Height of the pictures in pixels.", show_default="the model's")
    ] = None,
    width: Annotated[int | None, typer.Option(help="Width of them.", show_default="the model's")] = None,
    dtype: Annotated[
        str | None, typer.Option(help="float32, float16 or bfloat16.", show_default="float32")
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(help="Of the pipeline's weights' files, such as fp16.", show_default="the plain ones"),
    ] = None,
    fit: Annotated[float | None, typer.Option(help="Share of prompts that fit.", show_default="0.6")] = None,
    calibrate: Annotated[
        float | None, typer.Option(help="Share of prompts that calibrate.", show_default="0.15")
    ] = None,
    test: Annotated[
        float | None, typer.Option(help="Share of prompts that test.", show_default="0.25")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the split.", show_default="0")] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            help="Layers to watch, with commas between; of a family that is not known as "
            "PATH@HEIGHTxWIDTHxCHANNELS.",
            show_default="self-attention: all of them",
        ),
    ] = None,
    branches: Annotated[
        str | None,
        typer.Option(
            help="conditional, unconditional or both, with a comma between.", show_default="conditional"
        ),
    ] = None,
    estimator: Annotated[
        str | None, typer.Option(help="What labels the pictures.", show_default="stilllife")
    ] = None,
    properties: Annotated[
        str | None,
        typer.Option(
            help="Properties to look for, with commas between.", show_default="all of the estimator's"
        ),
    ] = None,
    classifier: Annotated[
        str | None, typer.Option(help="What says what pictures show, step by step.", show_default="none")
    ] = None,
    strengths: Annotated[
        str | None,
        typer.Option(help="Ridge strengths to choose from.", show_default="0.0001,0.001,0.01,0.1,1"),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Pictures made at once, at least 2.", show_default="8")
    ] = None,
    shard_size: Annotated[int | None, typer.Option(help="Pictures kept at once.", show_default="32")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, ...", show_default="auto")] = None,
    gallery: Annotated[
        int | None, typer.Option(help="Test pictures shown in the report.", show_default="8")
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(help="Threads of each process.", show_default="as many as CPUs are given"),
    ] = None,
    twins: Annotated[
        str | None,
        typer.Option(
            help="Untrained twins to probe beside: permuted, fresh, permuted-own, fresh-own.",
            show_default="none",
        ),
    ] = None,
    network: Annotated[
        bool, typer.Option("--network", help="Train a small network to read the latents, as an opponent.")
    ] = False,
    controls: Annotated[
        float | None,
        typer.Option(
            help="Share of the test pictures at whose every step the estimator looks.", show_default="0.2"
        ),
    ] = None,
) -> None:
    """Make a study folder: its config, and its pictures split by prompt into fit, calibrate and test."""
    from underpainting.cli.progress import progress
    from underpainting.cli.show import given, listed
    from underpainting.study.config import parse_config
    from underpainting.study.presets import with_preset
    from underpainting.study.prompts import about_seeds
    from underpainting.workflow import init as make
    from underpainting.workflow import study_needs

    options = given(
        {
            "model": {
                "name": model,
                "scheduler": scheduler,
                "steps": steps,
                "guidance_scale": guidance_scale,
                "dtype": dtype,
                "height": height,
                "width": width,
                "variant": variant,
            },
            "prompts": {"file": prompts, "test_file": test_prompts, "limit": limit},
            "split": {"fit": fit, "calibrate": calibrate, "test": test, "seed": seed},
            "watch": {"layers": listed(layers), "branches": listed(branches)},
            "labels": {
                "estimator": estimator,
                "properties": listed(properties),
                "classifier": classifier,
            },
            "probes": {"strengths": listed(strengths)},
            "controls": {"share": controls, "network": network or None, "twins": listed(twins)},
            "run": {
                "batch_size": batch_size,
                "shard_size": shard_size,
                "device": device,
                "gallery": gallery,
                "threads": threads,
            },
        }
    )
    config = parse_config(with_preset(preset, options), "options")
    with progress():
        study = make(folder, config)
    counts = ", ".join(f"{count} {split}" for split, count in study.images.items())
    typer.echo(f"{folder}: {len(study.rows)} pictures ({counts})")
    for file in (prompts, test_prompts):
        if file and (line := about_seeds(file)):
            typer.echo(line)
    missing = [needed for needed in study_needs(study.config) if not needed.here]
    if missing:
        for needed in missing:
            typer.echo(needed.line)
        typer.echo(f"next: fetch what is missing, then underpainting estimate {folder}")
    else:
        typer.echo(f"next: underpainting estimate {folder}, underpainting run {folder}")
