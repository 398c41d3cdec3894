"""Keeping activations: pictures are made, and what chosen layers gave is written, one file an image."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from underpainting.captures.files import (
    AGAIN,
    CARD,
    PICTURE,
    about,
    activation_bytes,
    image_file,
    owner_of,
    set_aside,
    tensor_name,
    write_image,
)
from underpainting.captures.read import Captures
from underpainting.diffusion import Layer, Model, StepRecord, Watching
from underpainting.errors import UnderpaintingError
from underpainting.progress import Progress
from underpainting.readers import checked_path, read_json
from underpainting.records import (
    clear_partial,
    make_folder,
    only_run,
    require_whole,
    sealing,
    write_json,
)
from underpainting.study.batch import Look, Made, Rows, decode_sound, denoise, make_sound
from underpainting.study.environment import about_model, other_model, recorded_model, watched_layers
from underpainting.study.paths import ASIDE
from underpainting.study.request.config import ModelConfig
from underpainting.study.request.prompts import PromptRow
from underpainting.study.schedule import in_batches
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import SPLITS

DTYPES = ("float16", "bfloat16", "float32")


@dataclass(frozen=True)
class CapturePlan:
    """All that a capture needs to be told; nothing has been made yet.

    about: what is recorded of the model. batches: pictures that are denoised together. config: how. layers,
    steps (from 1) and branches: what is kept, in dtype. folder: where.
    """

    model: Model
    about: Mapping[str, Any]
    batches: tuple[Rows, ...]
    config: ModelConfig
    layers: tuple[Layer, ...]
    steps: tuple[int, ...]
    branches: tuple[str, ...]
    dtype: str
    folder: Path

    def __post_init__(self) -> None:
        """Raise UnderpaintingError for a step or branch that there is not, or pictures of the same name."""
        outside = [step for step in self.steps if not 1 <= step <= self.config.steps]
        if outside or not self.steps:
            given = f"step {outside[0]} is not there" if outside else "no steps are given"
            raise UnderpaintingError(f"{given}: give steps from 1 to {self.config.steps}")
        if self.dtype not in DTYPES:
            raise UnderpaintingError(f"dtype {self.dtype!r} is unknown: give {', '.join(DTYPES)}")
        if not self.rows or len({row.image for row in self.rows}) < len(self.rows):
            raise UnderpaintingError("give at least one picture, and every pair of prompt and seed once")

    @cached_property
    def rows(self) -> Rows:
        """All pictures, in order."""
        return tuple(chain.from_iterable(self.batches))

    @property
    def missing(self) -> Rows:
        """Pictures that are neither there nor set aside."""
        aside = set_aside(self.folder)
        return tuple(
            row
            for row in self.rows
            if row.image not in aside and not image_file(self.folder, row.image).is_file()
        )

    @property
    def bytes_of_image(self) -> int:
        """Disk that one image takes: its activations, and its picture."""
        height, width = self.model.size
        return height * width * 3 + activation_bytes(self.layers, self.steps, self.branches, self.dtype)

    @property
    def bytes_needed(self) -> int:
        """Disk that the missing images will take."""
        return len(self.missing) * self.bytes_of_image

    @cached_property
    def card(self) -> dict[str, Any]:
        """What is written beside the images, and what a capture that goes on is held to."""
        layers = [{**asdict(layer), "grid": list(layer.grid)} for layer in self.layers]
        return {
            "model": self.about,
            "steps": self.config.steps,
            "guidance_scale": self.config.guidance_scale,
            "layers": layers,
            "kept_steps": list(self.steps),
            "branches": list(self.branches),
            "dtype": self.dtype,
            "batches": [len(batch) for batch in self.batches],
            "images": [about(row) for row in self.rows],
        }


def capture(
    model: Model,
    prompts: Sequence[str],
    seeds: Sequence[int],
    folder: str | Path,
    *,
    layers: Sequence[str | Layer] = ("self-attention",),
    steps: int = 15,
    keep: Sequence[int] | None = None,
    branches: Sequence[str] = ("conditional",),
    dtype: str = "float16",
    guidance_scale: float = 7.5,
    batch_size: int = 4,
    progress: Progress | None = None,
) -> Captures:
    """Make a picture of each prompt and seed, and write what layers gave; read it back by what is returned.

    layers: as in `Model.resolve`. keep: steps (from 1) to write, of the `steps` that are made; all where left
    out. Every image is a file `prompt_{number of its prompt}_seed_{seed}.safetensors` of tensors
    `layer/step/branch` [token, channel], and `picture` [height, width, 3] uint8. Images that are there are
    not made again. A batch is held in memory until it is written.

    Raises UnderpaintingError as `Model.denoise`; where the folder holds another capture, the disk has not the
    room, or values are beyond dtype.
    """
    if isinstance(prompts, str) or len(prompts) != len(seeds) or batch_size < 1:
        raise UnderpaintingError("give a list of prompts, a seed for each, and a batch_size of at least 1")
    number = {prompt: i for i, prompt in enumerate(dict.fromkeys(prompts))}
    pairs = zip(prompts, seeds, strict=True)
    rows = [PromptRow(prompt, int(seed), number[prompt]) for prompt, seed in pairs]
    plan = CapturePlan(
        model=model,
        about=about_model(model, model.name),
        batches=tuple(map(tuple, in_batches(rows, batch_size))),
        config=ModelConfig(name=model.name, steps=steps, guidance_scale=guidance_scale),
        layers=model.resolve(layers),
        steps=tuple(range(1, steps + 1) if keep is None else sorted(set(keep))),
        branches=tuple(branches),
        dtype=dtype,
        folder=checked_path(folder),
    )
    return carry_out(plan, progress or Progress())


def plan_capture(
    study: StudyFolder,
    out: Path,
    *,
    layers: Sequence[str] | None = None,
    steps: Sequence[int] | None = None,
    branches: Sequence[str] | None = None,
    dtype: str = "float16",
    split: str | None = None,
) -> CapturePlan:
    """What it takes to write a study's activations to disk; `carry_out` does it.

    Pictures are made in the study's own batches, less what was set aside, so that the activations are those
    that its probes read. Layers, steps (from 1) and branches are the study's own where left out; split: only
    the pictures of fit, calibrate or test.

    Raises UnderpaintingError where its model is not there or not the same, or a choice is unknown.
    """
    if split not in (None, *SPLITS):
        raise UnderpaintingError(f"split {split!r} is unknown: give {', '.join(SPLITS)}")
    config, aside = study.config, study.set_aside()
    model, about = recorded_model(study)
    shards = [shard for shard in study.shards if split in (None, shard.split)]
    sound = [
        tuple(row for row in batch if row.image not in aside) for shard in shards for batch in shard.batches
    ]
    return CapturePlan(
        model=model,
        about=about,
        batches=tuple(batch for batch in sound if batch),
        config=config.model,
        layers=model.resolve(layers) if layers else watched_layers(model, config.watch),
        steps=tuple(sorted(set(steps or range(1, config.model.steps + 1)))),
        branches=tuple(branches or config.watch.branches),
        dtype=dtype,
        folder=checked_path(out),
    )


def carry_out(plan: CapturePlan, progress: Progress) -> Captures:
    """Make and write the images of a plan that are missing, batch by batch as planned.

    Unsound pictures are set aside with their reason, in `aside.json`. Errors are those of `capture`.
    """
    make_folder(plan.folder)
    with only_run(plan.folder):
        clear_partial(plan.folder)
        _check(plan)
        missing, aside = set(plan.missing), set_aside(plan.folder)
        progress.start(len(plan.rows), len(plan.rows) - len(missing))
        progress.phase("activations")
        for batch in plan.batches:
            wanted = missing & set(batch)
            if not wanted:
                continue
            known = set(aside)
            tick = partial(progress.advance, len(wanted) / plan.config.steps)
            made = make_sound(batch, lambda rows: (_Held(plan),), partial(_make, plan, tick), aside)
            owner = _owner(plan)
            for image in aside.keys() - known:
                progress.note(f"{image} is set aside: {aside[image]}")
            if aside.keys() != known:
                with sealing(plan.folder / ASIDE, owner) as temporary:
                    write_json(temporary, aside)
            if made:
                for i, row in enumerate(made.rows):
                    if row in wanted:
                        tensors = {name: x[i] for name, x in made.recorders[0].tensors.items()}
                        tensors[PICTURE] = made.made.pictures[i].contiguous()
                        write_image(plan.folder, owner, row, tensors)
        _owner(plan)
    return Captures(plan.folder)


def _owner(plan: CapturePlan) -> str:
    """Whose the images are; the card that says so is written if it is not there."""
    if not (plan.folder / CARD).is_file():
        with sealing(plan.folder / CARD) as temporary:
            write_json(temporary, plan.card)
    return owner_of(plan.folder)


def _check(plan: CapturePlan) -> None:
    """Hold the plan to the card that is there; see that there is room."""
    path = plan.folder / CARD
    if path.is_file():
        require_whole(path, AGAIN)
        begun = read_json(path, "card of captured activations", "capture to another folder")
        how = other_model(begun.get("model"), plan.about)
        others = [key for key, value in plan.card.items() if key != "model" and begun.get(key) != value]
        if differing := [*([f"model ({how})"] if how else []), *others]:
            raise UnderpaintingError(
                f"{plan.folder} was begun with another {' and '.join(differing)}; capture to another folder"
            )
    free = shutil.disk_usage(plan.folder).free
    if plan.bytes_needed > free:
        raise UnderpaintingError(
            f"{plan.folder} needs {plan.bytes_needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; choose "
            "fewer layers, steps or pictures"
        )


class _Held:
    """A batch's activations, in dtype on the CPU: by name [picture, token, channel]."""

    def __init__(self, plan: CapturePlan) -> None:
        self._plan = plan
        self.tensors: dict[str, Tensor] = {}

    def look(self, record: StepRecord) -> None:
        if record.step not in self._plan.steps:
            return
        for layer in self._plan.layers:
            for branch in self._plan.branches:
                x = record.activations[layer.name][branch]
                kept = x.to("cpu", getattr(torch, self._plan.dtype), copy=True)
                if not bool(kept.isfinite().all()):
                    raise UnderpaintingError(
                        f"layer {layer.name} holds values beyond {self._plan.dtype} in step {record.step}; "
                        "capture as bfloat16 or float32"
                    )
                self.tensors[tensor_name(layer.name, record.step, branch)] = kept


def _make(plan: CapturePlan, tick: Callable[[], None], rows: Rows, look: Look) -> Made:
    def on_step(record: StepRecord) -> None:
        look(record)
        tick()

    watching = Watching(layers=plan.layers, branches=plan.branches, on_step=on_step)
    levels = decode_sound(plan.model, denoise(plan.model, rows, plan.config, watching).latents)
    return Made(levels.permute(0, 2, 3, 1).cpu(), {})
