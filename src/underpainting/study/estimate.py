"""What a study will cost, before anything runs."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass

import torch

from underpainting.diffusion.evaluations import steps_planned
from underpainting.probes import THRESHOLDS, moments_bytes
from underpainting.progress import Progress
from underpainting.study.batch import make_batch
from underpainting.study.environment import Loaded
from underpainting.study.kept.gallery import gallery_rows
from underpainting.study.kept.totals import empty_totals
from underpainting.study.places import TARGETS
from underpainting.study.recorders import Held
from underpainting.study.request.alike import cut_prompts
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import ProbeLayer
from underpainting.weights import readable

BYTES_OF_ROW = 9.0
BYTES_OF_PNG_PIXEL = 2.0


@dataclass(frozen=True)
class Estimate:
    """Counts, bytes and seconds of a whole study; seconds are None where they were not measured.

    evaluations are calls of the network, each of both guidance branches; memory is what the study holds
    besides the model's weights (`model_bytes`) and the network's own working space. prompts_cut are prompts
    that are longer than the text encoders read.
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
    prompts_cut: int


def estimate(
    study: StudyFolder, loaded: Loaded, *, measure_time: bool = True, progress: Progress | None = None
) -> Estimate:
    """Estimate a study's cost.

    Counts and sizes follow from config and shapes. Time is measured on two of the fit pictures, watched and
    added to moments as in the run, and scaled to the pictures still to be made; nothing is written.
    """
    config, places = study.config, loaded.places
    model, properties = loaded.model, len(places.properties)
    height, width = model.size
    branches, steps = len(places.branches), places.steps
    values = sum(_values(layer) for layer in places.layers) * branches * steps
    tokens = sum(layer.tokens for layer in places.layers) * branches * steps
    totals = sum(moments_bytes(layer.channels, len(TARGETS) * properties) for layer in places.layers)
    totals = (totals * branches * steps) + values * 8
    element = torch.empty(0, dtype=getattr(torch, config.model.dtype)).element_size()
    batch = config.run.batch_size + 1
    strengths = len(config.probes.strengths)
    held = batch * max(values * element, tokens * strengths * len(TARGETS) * properties * 4)
    curves = len(places.layers) * steps * branches * strengths * len(TARGETS) * len(THRESHOLDS) * 4
    curves *= sum(of.binary for of in places.properties) * batch
    images = study.images
    label = height * width * sum(1 if of.binary else 4 for of in places.properties)
    picture = height * width * BYTES_OF_PNG_PIXEL + label
    scores = sum(len(of.metrics) + 4 * (not of.binary) for of in places.properties)
    rows = len(places.layers) * (steps * branches * len(TARGETS) + 2) * scores
    shown = len(gallery_rows(study)) * height * width * 3 * (2 * steps + 1)
    disk = len(study.rows) * picture + 2 * totals + 2 * images["test"] * rows * BYTES_OF_ROW + 2 * shown
    disk += images["calibrate"] * (rows * BYTES_OF_ROW + curves / batch)
    if config.labels.classifier:
        means = sum(layer.channels for layer in places.watched) * branches * steps * 2
        disk += (images["fit"] + images["calibrate"]) * means
    made = study.pictures_made
    left = len(study.rows) - made
    seconds = _seconds_a_picture(study, loaded, progress or Progress()) * left if measure_time else None
    return Estimate(
        pictures=len(study.rows),
        **images,
        evaluations=len(steps_planned(loaded.model.pipe.scheduler, steps)) * len(study.rows),
        layers=len(places.watched),
        steps=steps,
        probes=len(places.watched) * steps * branches * properties,
        moments_bytes=totals,
        model_bytes=_model_bytes(loaded),
        memory_bytes=int(max(2 * totals + held, totals + held + curves)),
        disk_bytes=int(disk),
        seconds=seconds,
        pictures_made=made,
        prompts_cut=cut_prompts(study.rows, model),
    )


def advice(cost: Estimate, memory: int) -> str | None:
    """What to choose where a study needs more than so many bytes; None where it does not."""
    if cost.memory_bytes <= memory:
        return None
    share = memory / cost.memory_bytes
    layers, steps = (max(1, int(count * share)) for count in (cost.layers, cost.steps))
    return (
        f"more than the {readable(memory)} of this machine: watch {layers} of {cost.layers} layers "
        f"(--layers, or --every-nth-block {math.ceil(1 / share)}), or make {steps} of {cost.steps} steps "
        "(--steps)"
    )


def machine_memory() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _values(layer: ProbeLayer) -> int:
    return layer.tokens * layer.channels


def _model_bytes(loaded: Loaded) -> int:
    parts = [part for part in loaded.model.pipe.components.values() if isinstance(part, torch.nn.Module)]
    return sum(x.numel() * x.element_size() for part in parts for x in part.parameters())


def _seconds_a_picture(study: StudyFolder, loaded: Loaded, progress: Progress) -> float:
    rows = study.shards[0].batches[0][:2]
    progress.start(len(rows))
    progress.phase("measuring the time")
    totals = empty_totals(loaded.places)
    held = Held(loaded.places)
    start = time.perf_counter()
    made = make_batch(loaded, rows, study.config.model, held.look, progress.advance)
    held.add_to(totals, made.labels)
    return (time.perf_counter() - start) / len(rows)
