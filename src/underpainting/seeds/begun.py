"""Pictures of one prompt that were begun: each seed as far as it was denoised, kept in a study's folder.

Whatever asks for a seed at a step finds what was made before, by another wish or a preview, and goes on from
there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from underpainting.diffusion import Denoised, Paused, Watching
from underpainting.diffusion.evaluations import steps_planned
from underpainting.errors import UnsoundPictures
from underpainting.intervention.kept import name_of
from underpainting.probes import ProbeSet
from underpainting.progress import Progress
from underpainting.readers import opened_tensors, read_tensors
from underpainting.records import find_fault
from underpainting.seeds.layout import Maps
from underpainting.seeds.noise import unseen
from underpainting.seeds.predict import Seen, watched, watching
from underpainting.study.batch import decode_sound, denoise
from underpainting.study.environment import Loaded, record_environment
from underpainting.study.labels import label_pictures
from underpainting.study.makers import Make, Recipe, Whole, here
from underpainting.study.paths import BEGUN
from underpainting.study.request.prompts import PromptRow
from underpainting.study.schedule import in_batches
from underpainting.study.sealed import ASK_AGAIN
from underpainting.study.study import StudyFolder

SEEDS, BEFORE, SECONDS = "seeds", "before", "seconds"
"""Tensors of a file: the pictures' seeds, the step that they went on from, and what that took."""

Where = tuple[Path, int]
"""A file, and a picture's row in it."""


@dataclass(frozen=True)
class Finished:
    """Finished pictures, uint8 [picture, height, width, 3], and the estimator's maps of them."""

    pictures: Tensor
    labels: Maps


@dataclass(frozen=True)
class SeedBatch:
    """Seeds that go on together from one step to another, and the network evaluations that this takes."""

    seeds: tuple[int, ...]
    before: int
    step: int
    size: int

    @property
    def name(self) -> str:
        """What a line calls it."""
        return f"the batch of seed {self.seeds[0]} to step {self.step}"


@dataclass
class Begun:
    """A prompt's pictures as far as they are made.

    There is a file a batch and step, `seeds/begun-…/STEP/….safetensors`. It holds the seeds, what the
    scheduler was given since the step before, and the step's latents, clean prediction and readings; at the
    last step pictures and labels. It makes batches of seeds (see `makers.Maker`), by `run` wherever that is.
    """

    study: StudyFolder
    loaded: Loaded
    probes: ProbeSet
    prompt: str
    progress: Progress
    run: Make = here

    def __post_init__(self) -> None:
        """Look what is there. Raises UnderpaintingError where a file of it is damaged, or the study has no
        estimator that could label new pictures.
        """
        _ = self.loaded.estimator
        self.folder = begun_folder(self.study, self.prompt)
        self._at: dict[int, dict[int, Where]] = {}
        self._known: set[Path] = set()
        self._look()

    @property
    def steps(self) -> int:
        """Steps of a whole denoising."""
        return self.study.config.model.steps

    def evaluations(self, step: int, since: int = 0) -> int:
        """Network evaluations that a picture takes to a step, from another one on."""
        return sum(since < of <= step for of in self._planned)

    def missing(self, step: int, seeds: Sequence[int]) -> list[int]:
        """Those of some seeds that were not kept at a step."""
        return [seed for seed in seeds if seed not in self._at.get(step, {})]

    def to_make(self, step: int, seeds: Sequence[int]) -> int:
        """Network evaluations that it takes to bring pictures to a step, from where they are."""
        missing = self.missing(step, seeds)
        return sum(self.evaluations(step, self._last(seed, step)) for seed in missing)

    def go_to(self, step: int, seeds: Sequence[int]) -> list[int]:
        """Bring pictures to a step, in batches of the study's size, each kept as it is made.

        Those that are there are not made again, and others go on from the last step that was kept of them.
        Returns the seeds that are there; unsound pictures are left out, and noted.
        """
        by_last: dict[int, list[int]] = {}
        for seed in self.missing(step, seeds):
            by_last.setdefault(self._last(seed, step), []).append(seed)
        batches = [
            SeedBatch(tuple(batch), before, step, self.evaluations(step, before) * len(batch))
            for before, those in by_last.items()
            for batch in in_batches(those, self.study.config.run.batch_size)
        ]
        for _, whole in self.run(self, batches):
            for path in whole.paths:
                self._index(path)
            for name, reason in whole.aside.items():
                self.progress.note(f"seed {name} is left out: {reason}")
        there = self._at.get(step, {})
        return [seed for seed in seeds if seed in there]

    @property
    def recipe(self) -> Recipe:
        """Another process goes on from the same files."""
        return partial(_elsewhere, self.prompt)

    @property
    def places(self) -> Sequence[Path]:
        """A folder a step."""
        return [path for path in self.folder.glob("*") if path.is_dir()]

    def takes(self, batch: SeedBatch) -> Sequence[Path]:
        """Probes, and the files that the seeds go on from."""
        files, left = dict[Path, None](), {batch.before: [*batch.seeds]}
        while left:
            step, seeds = left.popitem()
            for seed, row in zip(seeds, self._rows(step, seeds, (BEFORE,)) if step else (), strict=False):
                files[self._at[step][seed][0]] = None
                left.setdefault(int(row[BEFORE]), []).append(seed)
        return self.study.environment_file, self.study.probes_folder, *files

    def seen(self, step: int, seeds: Sequence[int]) -> Seen:
        """What is kept of pictures at a step, in the order of the seeds; at step 0 nothing has to be."""
        if not step:
            return unseen(self.loaded.model, seeds)
        rows = self._rows(step, seeds)
        names = [(name, layer) for layer in watched(self.probes) for name in self.probes.properties]
        maps = {key: torch.stack([row["/".join(("maps", *key))] for row in rows]) for key in names}
        return Seen(step, maps, torch.stack([row["clean"] for row in rows]))

    def finished(self, seeds: Sequence[int]) -> Finished:
        """Finished pictures and their labels, in the order of the seeds."""
        rows = self._rows(self.steps, seeds)
        names = [of.name for of in self.loaded.places.properties]
        labels = {name: torch.stack([row[f"labels/{name}"] for row in rows]).float() for name in names}
        return Finished(torch.stack([row["pictures"] for row in rows]), labels)

    def seconds(self, step: int, seeds: Sequence[int]) -> float:
        """Seconds that pictures took from nothing to a step: their shares of their batches'."""
        rows = self._rows(step, seeds, (BEFORE, SECONDS)) if step else []
        earlier: dict[int, list[int]] = {}
        for seed, row in zip(seeds, rows, strict=bool(step)):
            earlier.setdefault(int(row[BEFORE]), []).append(seed)
        own = sum(float(row[SECONDS]) for row in rows)
        return own + sum(self.seconds(before, those) for before, those in earlier.items())

    def make(self, batch: SeedBatch) -> Whole:
        """Make one batch go on, and keep it; without those that are unsound."""
        seeds, before, step = [*batch.seeds], batch.before, batch.step
        if before:
            self._look()
        aside: dict[str, str] = {}
        while seeds:
            began = time.monotonic()
            try:
                tensors = self._made(seeds, before, step)
            except UnsoundPictures as error:
                aside |= {str(seeds[i]): reason for i, reason in error.reasons.items()}
                seeds = [seed for i, seed in enumerate(seeds) if i not in error.reasons]
                continue
            each = (time.monotonic() - began) / len(seeds)
            about = {SEEDS: seeds, BEFORE: [before] * len(seeds)}
            tensors |= {name: torch.tensor(values, dtype=torch.int64) for name, values in about.items()}
            tensors[SECONDS] = torch.full((len(seeds),), each, dtype=torch.float64)
            path = self.folder / f"{step:04d}" / f"{name_of({SEEDS: seeds, BEFORE: before})}.safetensors"
            with self.study.sealing(path) as temporary:
                save_file({name: of.cpu().contiguous() for name, of in tensors.items()}, temporary)
            return Whole((path,), aside)
        return Whole((), aside)

    def fault(self, arrived: Path, target: Path) -> str | None:
        """By its seal."""
        return find_fault(arrived, self.study.origin(target))

    def _made(self, seeds: Sequence[int], before: int, step: int) -> dict[str, Tensor]:
        """What is kept of a batch that went from one step to another."""
        paused = self._paused(before, seeds) if before else None
        kept: list[Seen] = []
        if step < self.steps:
            made = self._denoise(seeds, watching(self.probes, [step], kept.append, paused))
        else:
            made = self._denoise(seeds, Watching(resume=paused))
        self.progress.advance(self.evaluations(step, before) * len(seeds))
        if step == self.steps:
            levels = decode_sound(self.loaded.model, made.latents)
            labels = label_pictures(
                self.loaded.estimator, levels.float() / 255, self.loaded.places.properties
            )
            pictures = levels.permute(0, 2, 3, 1)
            return {"pictures": pictures, **{f"labels/{name}": of for name, of in labels.items()}}
        assert made.paused is not None
        (seen,) = kept
        outputs = made.paused.outputs[:, self.evaluations(before) :]
        maps = {"/".join(("maps", *key)): of for key, of in seen.maps.items()}
        return {"outputs": outputs, "latents": made.latents, "clean": seen.clean, **maps}

    def _denoise(self, seeds: Sequence[int], watching: Watching) -> Denoised:
        rows = [PromptRow(self.prompt, seed, 0) for seed in seeds]
        return denoise(self.loaded.model, rows, self.study.config.model, watching)

    def _paused(self, step: int, seeds: Sequence[int]) -> Paused:
        """From where pictures can go on, put together of what each step left of them."""
        latents = torch.stack([row["latents"] for row in self._rows(step, seeds, ("latents",))])
        return Paused(step, torch.stack([self._outputs(step, seed) for seed in seeds]), latents)

    def _outputs(self, step: int, seed: int) -> Tensor:
        """What the scheduler was given of one picture up to a step, [evaluation, ...]."""
        parts: list[Tensor] = []
        while step:
            (row,) = self._rows(step, [seed], ("outputs", BEFORE))
            parts.insert(0, row["outputs"])
            step = int(row[BEFORE])
        return torch.cat(parts)

    def _rows(
        self, step: int, seeds: Sequence[int], names: Sequence[str] | None = None
    ) -> list[Mapping[str, Tensor]]:
        """Tensors of each picture at a step, in the order of the seeds; each file is read once."""
        where = [self._at[step][seed] for seed in seeds]
        files = {path: _read(path, names) for path in dict.fromkeys(path for path, _ in where)}
        return [{name: of[row] for name, of in files[path].items()} for path, row in where]

    def _last(self, seed: int, step: int) -> int:
        """The last step before another that is kept of a picture; 0 where none is."""
        return max((at for at, those in self._at.items() if at < step and seed in those), default=0)

    def _look(self) -> None:
        """See what others have made."""
        for path in sorted(self.folder.glob("*/*.safetensors")):
            if path not in self._known:
                self._index(path)

    def _index(self, path: Path) -> None:
        self._known.add(path)
        self.study.require(path, ASK_AGAIN)
        at = self._at.setdefault(int(path.parent.name), {})
        for row, seed in enumerate(_read(path, (SEEDS,))[SEEDS].tolist()):
            at[seed] = path, row

    @cached_property
    def _planned(self) -> list[int]:
        return steps_planned(self.loaded.model.pipe.scheduler, self.steps)


def begun_folder(study: StudyFolder, prompt: str) -> Path:
    """Where a prompt's pictures are kept."""
    return study.seeds_folder / f"{BEGUN}{name_of({'prompt': prompt})}"


def _elsewhere(prompt: str, study: StudyFolder, loaded: Loaded, root: Path) -> tuple[Begun, Sequence[str]]:
    differing = record_environment(study, loaded)
    return Begun(study, loaded, study.probes, prompt, Progress()), differing


def _read(path: Path, names: Sequence[str] | None) -> dict[str, Tensor]:
    if names is None:
        return read_tensors(path, "file of begun pictures", ASK_AGAIN)
    with opened_tensors(path, "file of begun pictures", ASK_AGAIN) as file:
        return {name: file.get_tensor(name) for name in names}
