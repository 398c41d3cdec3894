"""What watching and fitting cost beside the bare pipeline.

`python -m benchmarks.overhead`: a batch is made by the bare pipeline, with all layers watched, and as a fit
batch of a study (watched, labelled, added to the moments of three properties and their shuffled twins), in
turn.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import typer

from benchmarks.subject import BATCH, MODEL, bare, make, rows, still_life
from benchmarks.timing import interleaved, ratio, seconds
from underpainting.cli._screen import table
from underpainting.study.environment import Loaded
from underpainting.study.kept.totals import Totals, empty_totals
from underpainting.study.labels import label_pictures
from underpainting.study.recorders import Held
from underpainting.study.request.config import RunConfig
from underpainting.study.request.prompts import PromptRow


def measure(pictures: int = BATCH, repeats: int = 5) -> dict[str, float]:
    """Measure watch_ratio and fit_ratio on batches of `pictures`, `repeats` times."""
    loaded, batch = still_life(), rows(pictures)
    totals = empty_totals(loaded.places)
    times = interleaved(
        {
            "bare pipeline": lambda: bare(loaded, batch),
            "all layers watched": lambda: watched(loaded, batch),
            "moments of everything": lambda: fitted(loaded, batch, totals),
        },
        repeats,
    )
    below = times["bare pipeline"]
    shown: list[list[object]] = [
        [name, median(of) / pictures, min(of) / pictures, ratio(of, below)] for name, of in times.items()
    ]
    bare_seconds = median(below) / pictures
    for name, each in parts(loaded, batch, totals).items():
        shown.append([f"  of it, {name}", each, None, each / bare_seconds])
    table(["making a picture", "median s", "least s", "over bare"], shown)
    watch, fit = ratio(times["all layers watched"], below), ratio(times["moments of everything"], below)
    return {"watch_ratio": watch, "fit_ratio": fit, "picture_seconds": bare_seconds}


def watched(loaded: Loaded, batch: list[PromptRow]) -> None:
    """Make a batch with every layer watched and every step recorded."""
    denoised = loaded.model.denoise(
        [row.prompt for row in batch],
        [row.seed for row in batch],
        steps=MODEL.steps,
        guidance_scale=MODEL.guidance_scale,
        watch=loaded.places.watched,
        on_step=lambda record: None,
    )
    loaded.model.decode(denoised.latents)


def fitted(loaded: Loaded, batch: list[PromptRow], totals: Totals) -> None:
    """Make a batch of a study's fit phase and add it to its totals."""
    held = Held(loaded.places)
    held.add_to(totals, make(loaded, batch, held.look).labels)


def parts(loaded: Loaded, batch: list[PromptRow], totals: Totals) -> dict[str, float]:
    """Seconds a picture of labelling and adding up, and of folding a shard (not in the ratios)."""
    held = Held(loaded.places)
    made = make(loaded, batch, held.look)
    levels = made.pictures.permute(0, 3, 1, 2).float() / 255
    label = seconds(lambda: label_pictures(loaded.estimator, levels, loaded.places.properties))
    add = seconds(lambda: held.add_to(totals, made.labels))

    def fold(folder: Path) -> None:
        totals.write(folder / "shard")
        total = empty_totals(loaded.places)
        total.merge(totals)
        total.write(folder / "through")

    with TemporaryDirectory() as folder:
        shard = seconds(lambda: fold(Path(folder)))
    return {
        "labelling": label / len(batch),
        "adding to moments": add / len(batch),
        "besides, folding a shard": shard / RunConfig().shard_size,
    }


if __name__ == "__main__":
    typer.run(measure)
