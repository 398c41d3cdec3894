"""Edits in closed form against the published gradient descent: time, and what they reach.

`python -m benchmarks.edits`: one layer's activations of one picture, at Stable Diffusion's largest grid (64 x
64 tokens of 320 channels) and at the still life's, edited along the activations' covariance and by 128
iterations of Adam; then test pictures of a small study of the still life, edited both ways at all layers of
the decoder and steps 1 to 5 as published, and the estimator's masks held against the targets.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import typer

from benchmarks.subject import BATCH, MODEL, batches
from benchmarks.timing import interleaved, ratio
from underpainting.cli._screen import table
from underpainting.intervention.directions import by_gradient, changed, direction_of
from underpainting.intervention.edit import Edit
from underpainting.intervention.painter import set_up
from underpainting.intervention.trials import agreement, draw_moves, targets
from underpainting.probes import Moments, ridge
from underpainting.screen import quiet_libraries
from underpainting.study.environment import reload
from underpainting.study.request.config import ControlsConfig, PromptsConfig, RunConfig, StudyConfig
from underpainting.study.request.prompts import read_prompts
from underpainting.study.run import run_study
from underpainting.study.study import create_study
from underpainting.vocabulary import OBJECT

STRENGTH = 5.0


def measure(pictures: int = 16, repeats: int = 5) -> dict[str, float]:
    """Measure edit_speedup_64x64x320, edit_speedup and edit_dice_difference (closed form less gradient)."""
    quiet_libraries()
    found = {
        "edit_speedup_64x64x320": _speedup(64 * 64, 320, repeats),
        "edit_speedup": _speedup(16 * 16, 48, repeats),
    }
    return {**found, "edit_dice_difference": _difference(pictures)}


def _speedup(tokens: int, channels: int, repeats: int) -> float:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, tokens, channels, generator=generator)
    label = (x @ torch.randn(channels, 1, generator=generator) > 0).float()
    moments = Moments(channels, 1)
    moments.update(x, label)
    probe = ridge(moments, [1e-2]).pick(0).float()
    direction = direction_of(probe, moments, [0])
    target = label.flip(1)
    jobs = {
        "closed form": lambda: changed(x, direction, direction.covariance, direction.goal(target), STRENGTH),
        "128 iterations of Adam": lambda: by_gradient(x, direction, target, [True]),
    }
    times = interleaved(jobs, repeats)
    speedup = ratio(times["128 iterations of Adam"], times["closed form"])
    rows: list[list[object]] = [[name, min(of)] for name, of in times.items()]
    table([f"one edit of {tokens} tokens, {channels} channels", "least s"], [*rows, ["speed-up", speedup]])
    return speedup


def _difference(pictures: int) -> float:
    config = StudyConfig(
        prompts=PromptsConfig(file="stilllife", limit=120),
        model=MODEL,
        controls=ControlsConfig(share=0),
        run=RunConfig(gallery=0),
    )
    with TemporaryDirectory() as name:
        folder = Path(name) / "study"
        study = create_study(folder, config, read_prompts("stilllife", config.prompts.limit))
        run_study(study)
        painter = set_up(study, reload(study))
        decoder = tuple(layer for layer in painter.grids if layer.startswith("up."))
        edits = {
            "null": Edit(strength=0, layers=decoder),
            "closed form": Edit(kind="covariance", strength=STRENGTH, layers=decoder),
            "gradient": Edit(kind="gradient", layers=decoder),
        }
        properties = painter.loaded.places.properties
        mask = next(own for own in properties if own.name == OBJECT)
        scores: dict[str, list[torch.Tensor]] = {name: [] for name in edits}
        for rows in batches(study.sound_rows("test")[:pictures], BATCH):
            unedited = painter.unedited(rows)
            moves = draw_moves(unedited.labels[OBJECT], [row.seed for row in rows], 0)
            target = targets(unedited.labels, moves, properties)
            for name, edit in edits.items():
                change = painter.change(edit, unedited, target, moves)
                after = painter.labels(painter.paint(rows, painter.acting(edit, change)).pictures)
                scores[name].append(agreement(after[OBJECT], target[OBJECT], mask))
    means = {name: float(torch.cat(of).nanmean()) for name, of in scores.items()}
    table([f"Dice with the target, {pictures} pictures", "mean"], [list(of) for of in means.items()])
    return means["closed form"] - means["gradient"]


if __name__ == "__main__":
    typer.run(measure)
