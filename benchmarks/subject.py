"""What is measured: the still life's model, estimator and prompts, used as a study uses them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch

from underpainting.screen import quiet_libraries
from underpainting.study.batch import Look, Made, make_batch
from underpainting.study.environment import Loaded, load_study
from underpainting.study.request.config import RunConfig, StudyConfig
from underpainting.study.request.prompts import PromptRow, read_prompts
from underpainting.workflow import DEMO

MODEL, BATCH = DEMO.model, RunConfig().batch_size
FIRST_SEED = 50_000
T = TypeVar("T")


def still_life() -> Loaded:
    """The bundled model with its default scheduler, the bundled estimator, and all places a study probes."""
    quiet_libraries()
    loaded = load_study(StudyConfig())
    loaded.model.pipe.set_progress_bar_config(disable=True)
    return loaded


def rows(count: int, first: int = 0) -> list[PromptRow]:
    """Pictures of the bundled prompts, in turn, with seeds that the demo has not."""
    prompts = [row.prompt for row in read_prompts("stilllife")]
    return [PromptRow(prompts[i % len(prompts)], FIRST_SEED + i, i) for i in range(first, first + count)]


def batches(items: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    """Cut items into batches, in order."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def make(loaded: Loaded, batch: Sequence[PromptRow], look: Look) -> Made:
    """Denoise, decode and label a batch as a study does."""
    return make_batch(loaded, batch, MODEL, look, lambda pictures: None)


def bare(loaded: Loaded, batch: Sequence[PromptRow]) -> None:
    """Make the same pictures by the diffusers pipeline alone, with nothing of this package in the way."""
    loaded.model.pipe(
        [row.prompt for row in batch],
        num_inference_steps=MODEL.steps,
        guidance_scale=MODEL.guidance_scale,
        generator=[torch.Generator("cpu").manual_seed(row.seed) for row in batch],
        output_type="pt",
    )
