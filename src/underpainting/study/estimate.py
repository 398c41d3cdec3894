"""What a study will cost, before anything runs."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from underpainting.diffusion import Layer
from underpainting.probes import moments_bytes
from underpainting.study.environment import Workshop
from underpainting.study.fitting import Held, empty_sums
from underpainting.study.folder import Study
from underpainting.study.gallery import gallery_rows
from underpainting.study.making import make_batch
from underpainting.study.places import SOURCES
from underpainting.study.progress import Progress
from underpainting.study.scoring import THRESHOLDS

BYTES_OF_ROW = 9.0
BYTES_OF_PNG_PIXEL = 2.0


@dataclass(frozen=True)
class Estimate:
    """Counts, bytes and seconds of a whole study; seconds are None where they were not measured.

    evaluations are calls of the network, each of both guidance branches; memory is what the study holds
    besides the model's weights (`model_bytes`) and the network's own working space.
    """

    pictures: int
    fit: int
    calibrate: int
    test: int
    evaluations: int
    layers: int
    steps: int
    probes: int
    moments_bytes: int
    model_bytes: int
    memory_bytes: int
    disk_bytes: int
    seconds: float | None
    pictures_made: int


def estimate(
    study: Study, workshop: Workshop, *, measure_time: bool = True, progress: Progress | None = None
) -> Estimate:
    """Estimate a study's cost.

    Counts and sizes follow from config and shapes. Time is measured on two of the fit pictures, watched and
    added to moments as in the run, and scaled to the pictures still to be made; nothing is written.
    """
    config, places = study.config, workshop.places
    model, properties = workshop.model, len(places.properties)
    height, width = model.size
    branches, steps = len(places.branches), places.steps
    values = sum(_values(layer) for layer in places.layers) * branches * steps
    tokens = sum(layer.grid[0] * layer.grid[1] for layer in places.layers) * branches * steps
    totals = sum(moments_bytes(layer.channels, len(SOURCES) * properties) for layer in places.layers)
    totals = (totals * branches * steps) + values * 8
    element = torch.empty(0, dtype=getattr(torch, config.model.dtype)).element_size()
    batch = config.run.batch_size + 1
    strengths = len(config.probes.strengths)
    held = batch * max(values * element, tokens * strengths * len(SOURCES) * properties * 4)
    curves = len(places.layers) * steps * branches * strengths * len(SOURCES) * len(THRESHOLDS) * 4
    curves *= sum(found.binary for found in places.properties) * batch
    images = study.images
    label = height * width * sum(1 if found.binary else 4 for found in places.properties)
    picture = height * width * BYTES_OF_PNG_PIXEL + label
    scores = sum(len(found.metrics) + 4 * (not found.binary) for found in places.properties)
    rows = len(places.layers) * (steps * branches * len(SOURCES) + 2) * scores
    shown = len(gallery_rows(study)) * height * width * 3 * (2 * steps + 1)
    disk = len(study.rows) * picture + 2 * totals + 2 * images["test"] * rows * BYTES_OF_ROW + 2 * shown
    disk += images["calibrate"] * (rows * BYTES_OF_ROW + curves / batch)
    if config.labels.classifier:
        means = sum(layer.channels for layer in places.watched) * branches * steps * 2
        disk += (images["fit"] + images["calibrate"]) * means
    done = sum(len(shard.pictures) for shard in study.shards if study.is_whole(shard))
    left = len(study.rows) - done
    seconds = _seconds_a_picture(study, workshop, progress or Progress()) * left if measure_time else None
    return Estimate(
        pictures=len(study.rows),
        **images,
        evaluations=_evaluations(workshop, steps) * len(study.rows),
        layers=len(places.watched),
        steps=steps,
        probes=len(places.watched) * steps * branches * properties,
        moments_bytes=totals,
        model_bytes=_model_bytes(workshop),
        memory_bytes=int(max(2 * totals + held, totals + held + curves)),
        disk_bytes=int(disk),
        seconds=seconds,
        pictures_made=done,
    )


def _values(layer: Layer) -> int:
    return layer.grid[0] * layer.grid[1] * layer.channels


def _evaluations(workshop: Workshop, steps: int) -> int:
    scheduler = workshop.model.pipe.scheduler
    scheduler.set_timesteps(steps)
    return len(scheduler.timesteps)


def _model_bytes(workshop: Workshop) -> int:
    parts = [part for part in workshop.model.pipe.components.values() if isinstance(part, torch.nn.Module)]
    return sum(x.numel() * x.element_size() for part in parts for x in part.parameters())


def _seconds_a_picture(study: Study, workshop: Workshop, progress: Progress) -> float:
    rows = study.shards[0].batches[0][:2]
    progress.start(len(rows))
    progress.phase("measuring the time")
    sums = empty_sums(workshop.places)
    held = Held(workshop.places)
    start = time.perf_counter()
    made = make_batch(workshop, rows, study.config.model, held.look, progress.advance)
    held.add_to(sums, made.labels)
    return (time.perf_counter() - start) / len(rows)
