"""Keeping activations: pictures are made, and what chosen layers gave is written, one file an image."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from underpainting.captures.read import CARD, PICTURE, Captures, image_file, tensor_name
from underpainting.diffusion import Layer, Model, StepRecord, Watching
from underpainting.errors import UnderpaintingError
from underpainting.progress import Progress
from underpainting.records import clear_partial, replacing, write_bytes, write_json
from underpainting.study.batch import Look, Made, Rows, decode_sound, denoise, make_sound
from underpainting.study.environment import about_model, other_model, recorded_model
from underpainting.study.paths import ASIDE
from underpainting.study.request.config import ModelConfig
from underpainting.study.request.prompts import PromptRow
from underpainting.study.study import StudyFolder, only_run
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
            "images": [_about(row) for row in self.rows],
        }


def activation_bytes(
    layers: Sequence[Layer], steps: Sequence[int], branches: Sequence[str], dtype: str
) -> int:
    """Size of one image's activations."""
    values = sum(layer.tokens * layer.channels for layer in layers)
    element = torch.empty(0, dtype=getattr(torch, dtype)).element_size()
    return values * len(steps) * len(branches) * element


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
        batches=tuple(tuple(rows[i : i + batch_size]) for i in range(0, len(rows), batch_size)),
        config=ModelConfig(name=model.name, steps=steps, guidance_scale=guidance_scale),
        layers=model.resolve(layers),
        steps=tuple(range(1, steps + 1) if keep is None else sorted(set(keep))),
        branches=tuple(branches),
        dtype=dtype,
        folder=Path(folder),
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
        layers=model.resolve(layers or config.watch.layers),
        steps=tuple(sorted(set(steps or range(1, config.model.steps + 1)))),
        branches=tuple(branches or config.watch.branches),
        dtype=dtype,
        folder=out,
    )


def set_aside(folder: Path) -> dict[str, str]:
    """Why pictures of a capture were set aside, by image."""
    path = folder / ASIDE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def carry_out(plan: CapturePlan, progress: Progress) -> Captures:
    """Make and write the images of a plan that are missing, batch by batch as planned.

    Unsound pictures are set aside with their reason, in `aside.json`. Errors are those of `capture`.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
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
            if not (plan.folder / CARD).is_file():
                with replacing(plan.folder / CARD) as temporary:
                    write_json(temporary, plan.card)
            for image in aside.keys() - known:
                progress.note(f"{image} is set aside: {aside[image]}")
            if aside.keys() != known:
                write_bytes(plan.folder / ASIDE, (json.dumps(aside, ensure_ascii=False) + "\n").encode())
            if made:
                for i, row in enumerate(made.rows):
                    if row in wanted:
                        _write(plan.folder, row, made.recorders[0].tensors, i, made.made.pictures[i])
    return Captures(plan.folder)


def _check(plan: CapturePlan) -> None:
    """Hold the plan to the card that is there; see that there is room."""
    path = plan.folder / CARD
    if path.is_file():
        try:
            begun = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            begun = {}
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


def _about(row: PromptRow) -> dict[str, Any]:
    return {"image": row.image, **asdict(row)}


def _write(folder: Path, row: PromptRow, tensors: Mapping[str, Tensor], place: int, picture: Tensor) -> None:
    own = {name: x[place].contiguous() for name, x in tensors.items()}
    metadata = {"about": json.dumps(_about(row))}  # one entry: several come in any order
    with replacing(image_file(folder, row.image)) as temporary:
        save_file({**own, PICTURE: picture.contiguous()}, temporary, metadata=metadata)
