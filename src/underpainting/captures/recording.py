"""Recording activations, a batch a part, in whatever process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from underpainting.captures.files import PICTURE, image_fault, image_file, tensor_name, write_image
from underpainting.diffusion import Layer, Model, StepRecord, Watching
from underpainting.errors import UnderpaintingError
from underpainting.progress import Progress
from underpainting.study.batch import Look, Made, Rows, decode_sound, denoise, make_sound
from underpainting.study.environment import about_model, open_model, other_model
from underpainting.study.makers import Recipe, Whole
from underpainting.study.request.config import ModelConfig
from underpainting.study.study import StudyFolder

DTYPES = ("float16", "bfloat16", "float32")


@dataclass(frozen=True)
class Recording:
    """How pictures are made, and which layers, steps (from 1) and branches of them are kept, in dtype."""

    config: ModelConfig
    layers: tuple[Layer, ...]
    steps: tuple[int, ...]
    branches: tuple[str, ...]
    dtype: str

    def __post_init__(self) -> None:
        """Raise UnderpaintingError for a step or dtype that there is not."""
        outside = [step for step in self.steps if not 1 <= step <= self.config.steps]
        if outside or not self.steps:
            given = f"step {outside[0]} is not there" if outside else "no steps are given"
            raise UnderpaintingError(f"{given}: give steps from 1 to {self.config.steps}")
        if self.dtype not in DTYPES:
            raise UnderpaintingError(f"dtype {self.dtype!r} is unknown: give {', '.join(DTYPES)}")


@dataclass(frozen=True)
class CaptureBatch:
    """Pictures that are denoised together, and those of them that are written."""

    rows: Rows
    wanted: Rows

    @property
    def name(self) -> str:
        """What a line calls it."""
        return f"the batch of {self.rows[0].image}"

    @property
    def size(self) -> int:
        """How many images are written."""
        return len(self.wanted)


@dataclass(frozen=True)
class CaptureMaker:
    """Writes batches' images into a folder (see `makers.Maker`).

    about: what is recorded of the model. owner: whose the images are.
    """

    model: Model
    about: Mapping[str, Any]
    how: Recording
    owner: str
    folder: Path
    progress: Progress

    @property
    def recipe(self) -> Recipe:
        """Another process has a model of its own."""
        return partial(_elsewhere, self.about, self.how, self.owner)

    @property
    def places(self) -> Sequence[Path]:
        """The folder alone."""
        return (self.folder,)

    def takes(self, batch: CaptureBatch) -> Sequence[Path]:
        """Nothing but config and pictures."""
        return ()

    def make(self, batch: CaptureBatch) -> Whole:
        """Make a batch and write those of its images that are wanted and sound."""
        aside: dict[str, str] = {}
        tick = partial(self.progress.advance, len(batch.wanted) / self.how.config.steps)
        made = make_sound(batch.rows, lambda rows: (_Held(self.how),), partial(self._made, tick), aside)
        paths = []
        for i, row in enumerate(made.rows if made else ()):
            if made and row in batch.wanted:
                tensors = {name: x[i] for name, x in made.recorders[0].tensors.items()}
                tensors[PICTURE] = made.made.pictures[i].contiguous()
                write_image(self.folder, self.owner, row, tensors)
                paths.append(image_file(self.folder, row.image))
        return Whole(tuple(paths), aside)

    def fault(self, arrived: Path, target: Path) -> str | None:
        """By the digests that each image's file has of its tensors."""
        return image_fault(arrived, self.owner)

    def _made(self, tick: Callable[[], None], rows: Rows, look: Look) -> Made:
        def on_step(record: StepRecord) -> None:
            look(record)
            tick()

        watching = Watching(layers=self.how.layers, branches=self.how.branches, on_step=on_step)
        levels = decode_sound(self.model, denoise(self.model, rows, self.how.config, watching).latents)
        return Made(levels.permute(0, 2, 3, 1).cpu(), {})


def load_model(study: StudyFolder) -> tuple[Model, dict[str, Any]]:
    """Load a study's model alone; beside it what `about_model` says of it."""
    model = open_model(study.config, study.model)
    return model, about_model(model, study.config.model.name)


def _elsewhere(
    about: Mapping[str, Any],
    how: Recording,
    owner: str,
    study: StudyFolder,
    loaded: tuple[Model, Mapping[str, Any]],
    root: Path,
) -> tuple[CaptureMaker, Sequence[str]]:
    model, own = loaded
    if differing := other_model(about, own):
        raise UnderpaintingError(
            f"the model is not the one of the capture ({differing}); bring that one there"
        )
    return CaptureMaker(model, about, how, owner, root, Progress()), ()


class _Held:
    """A batch's activations, in dtype on the CPU: by name [picture, token, channel]."""

    def __init__(self, how: Recording) -> None:
        self._how = how
        self.tensors: dict[str, Tensor] = {}

    def look(self, record: StepRecord) -> None:
        if record.step not in self._how.steps:
            return
        for layer in self._how.layers:
            for branch in self._how.branches:
                x = record.activations[layer.name][branch]
                kept = x.to("cpu", getattr(torch, self._how.dtype), copy=True)
                if not bool(kept.isfinite().all()):
                    raise UnderpaintingError(
                        f"layer {layer.name} holds values beyond {self._how.dtype} in step {record.step}; "
                        "capture as bfloat16 or float32"
                    )
                self.tensors[tensor_name(layer.name, record.step, branch)] = kept
