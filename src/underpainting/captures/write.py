"""Keeping activations: pictures are made, and what chosen layers gave is written, one file an image."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from underpainting.captures.files import (
    AGAIN,
    CARD,
    about,
    activation_bytes,
    image_file,
    owner_by,
    owner_of,
    set_aside,
)
from underpainting.captures.read import Captures
from underpainting.captures.recording import CaptureBatch, CaptureMaker, Recording, load_model
from underpainting.diffusion import Layer, Model
from underpainting.errors import UnderpaintingError
from underpainting.progress import Progress
from underpainting.readers import checked_path, read_json
from underpainting.records import (
    clear_partial,
    json_bytes,
    make_folder,
    only_run,
    require_whole,
    sealing,
    write_json,
)
from underpainting.study.batch import Rows
from underpainting.study.cluster.job import Cluster
from underpainting.study.environment import (
    about_model,
    hold_model,
    other_model,
    use_threads,
    watched_layers,
)
from underpainting.study.executors import Workers, count_workers, executor
from underpainting.study.makers import Make, here
from underpainting.study.paths import ASIDE
from underpainting.study.request.config import ModelConfig
from underpainting.study.request.prompts import PromptRow
from underpainting.study.schedule import in_batches
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import SPLITS


@dataclass(frozen=True)
class CapturePlan:
    """All that a capture needs to be told; nothing has been made yet.

    about: what is recorded of the model. batches: pictures that are denoised together. how: what is kept of
    them. folder: where. study: whose pictures they are, if any.
    """

    model: Model
    about: Mapping[str, Any]
    batches: tuple[Rows, ...]
    how: Recording
    folder: Path
    study: StudyFolder | None = None

    def __post_init__(self) -> None:
        """Raise UnderpaintingError where there are no pictures, or any of the same name."""
        if not self.rows or len({row.image for row in self.rows}) < len(self.rows):
            raise UnderpaintingError("give at least one picture, and every pair of prompt and seed once")

    @cached_property
    def rows(self) -> Rows:
        """All pictures, in order."""
        return tuple(chain.from_iterable(self.batches))

    @property
    def owner(self) -> str:
        """Whose its images are: those of the card that is there, or will be."""
        if (self.folder / CARD).is_file():
            return owner_of(self.folder)
        return owner_by(hashlib.sha256(json_bytes(self.card)).hexdigest())

    @property
    def missing(self) -> Rows:
        """Pictures that are neither there nor set aside; all of them where there is no card."""
        if not (self.folder / CARD).is_file():
            return self.rows
        aside, folder = set_aside(self.folder), self.folder
        return tuple(
            row for row in self.rows if row.image not in aside and not image_file(folder, row.image).is_file()
        )

    @property
    def bytes_of_image(self) -> int:
        """Disk that one image takes: its activations, and its picture."""
        (height, width), how = self.model.size, self.how
        return height * width * 3 + activation_bytes(how.layers, how.steps, how.branches, how.dtype)

    @property
    def bytes_needed(self) -> int:
        """Disk that the missing images will take."""
        return len(self.missing) * self.bytes_of_image

    @cached_property
    def card(self) -> dict[str, Any]:
        """What is written beside the images, and what a capture that goes on is held to."""
        how = self.how
        return {
            "model": self.about,
            "steps": how.config.steps,
            "guidance_scale": how.config.guidance_scale,
            "layers": [{**asdict(layer), "grid": list(layer.grid)} for layer in how.layers],
            "kept_steps": list(how.steps),
            "branches": list(how.branches),
            "dtype": how.dtype,
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
        how=Recording(
            config=ModelConfig(name=model.name, steps=steps, guidance_scale=guidance_scale),
            layers=model.resolve(layers),
            steps=tuple(range(1, steps + 1) if keep is None else sorted(set(keep))),
            branches=tuple(branches),
            dtype=dtype,
        ),
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
    use_threads(study)
    model, about = load_model(study)
    hold_model(study, about)
    shards = [shard for shard in study.shards if split in (None, shard.split)]
    sound = [
        tuple(row for row in batch if row.image not in aside) for shard in shards for batch in shard.batches
    ]
    return CapturePlan(
        model=model,
        about=about,
        batches=tuple(batch for batch in sound if batch),
        how=Recording(
            config=config.model,
            layers=model.resolve(layers) if layers else watched_layers(model, config.watch),
            steps=tuple(sorted(set(steps or range(1, config.model.steps + 1)))),
            branches=tuple(branches or config.watch.branches),
            dtype=dtype,
        ),
        folder=checked_path(out),
        study=study,
    )


def carry_out(
    plan: CapturePlan, progress: Progress, workers: Workers = None, cluster: Cluster | None = None
) -> Captures:
    """Make and write the images of a plan that are missing, batch by batch as planned.

    workers, cluster: where, as in `run_study`; a capture of no study is made in this process. Unsound
    pictures are set aside with their reason, in `aside.json`. Errors are those of `capture`.
    """
    several = count_workers(workers, cluster)
    make_folder(plan.folder)
    with only_run(plan.folder):
        clear_partial(plan.folder)
        _check(plan)
        missing, aside = set(plan.missing), set_aside(plan.folder)
        progress.start(len(plan.rows), len(plan.rows) - len(missing))
        progress.phase("activations")
        maker = CaptureMaker(plan.model, plan.about, plan.how, plan.owner, plan.folder, progress)
        wanted = [(batch, tuple(row for row in batch if row in missing)) for batch in plan.batches]
        batches = [CaptureBatch(*pair) for pair in wanted if pair[1]]
        with _executor(plan, progress, several, cluster) as make:
            for _, whole in make(maker, batches):
                _write_card(plan)
                new = {image: why for image, why in whole.aside.items() if image not in aside}
                for image, why in new.items():
                    progress.note(f"{image} is set aside: {why}")
                if new:
                    aside |= new
                    with sealing(plan.folder / ASIDE, plan.owner) as temporary:
                        write_json(temporary, aside)
        _write_card(plan)
    return Captures(plan.folder)


def _executor(
    plan: CapturePlan, progress: Progress, workers: int | None, cluster: Cluster | None
) -> AbstractContextManager[Make]:
    if plan.study is None:
        return nullcontext(here)
    return executor(plan.study, plan.folder, progress, load_model, workers, cluster)


def _write_card(plan: CapturePlan) -> None:
    """Write the card that says whose the images are, if it is not there."""
    if not (plan.folder / CARD).is_file():
        with sealing(plan.folder / CARD) as temporary:
            write_json(temporary, plan.card)


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
