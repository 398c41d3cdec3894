"""Pictures of many seeds, each denoised to its end: what was predicted of it after each step, and what it is.

A batch is a file; a collection that is stopped goes on with the batches that are missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from benchmarks.machine import facts
from benchmarks.regret.noise import NoiseMap, fit_noise
from benchmarks.regret.schedules import Seconds
from benchmarks.subject import FIRST_SEED, batches
from underpainting.diffusion import StepRecord, Watching
from underpainting.diffusion.still import white_noise
from underpainting.errors import UnderpaintingError
from underpainting.progress import Progress
from underpainting.readers import read_json, read_tensors
from underpainting.records import clear_partial, make_folder, only_run, replacing, write_json
from underpainting.seeds.layout import Maps, on_grid
from underpainting.seeds.predict import BEST, ByEstimator, ByProbes, Seen, decoded, seeing, watched
from underpainting.study.batch import denoise
from underpainting.study.environment import Loaded, reload
from underpainting.study.request.prompts import PromptRow
from underpainting.study.study import StudyFolder

PROBED, ESTIMATED = 8, 5
"""First steps after which probes, and the estimator, predict the finished picture."""

SIDE = 32
"""Rows and columns of the maps that are kept, at most."""

CARD, WANTED = "collection.json", "wanted.safetensors"


@dataclass(frozen=True)
class Collection:
    """All pictures, by prompt and within it by seed.

    prompts: their texts. seeds: how many of each. steps: of a picture. final: maps of the finished pictures,
    and predicted: what was predicted of them, by source and step, as `Maps`. wanted: by property, maps
    [prompt, row, column] of the picture whose layout is wished for with each. seconds: what its parts take.
    machine: what they were measured on.
    """

    prompts: tuple[str, ...]
    seeds: int
    steps: int
    final: Maps
    predicted: Mapping[tuple[str, int], Maps]
    wanted: Maps
    seconds: Seconds
    machine: Mapping[str, Any]


def collect(study: StudyFolder, folder: Path, prompts: int, seeds: int, progress: Progress) -> None:
    """Make the pictures of a study's test prompts that are missing in a folder, each with seeds of its own.

    Seeds are no two prompts' (the seed decides the layout: with shared ones, prompts were no independent
    sample), and none of the study's. Raises UnderpaintingError where the study has not so many test prompts,
    is not done, or the folder holds another collection.
    """
    study.require_done()
    texts = tuple(dict.fromkeys(row.prompt for row in study.sound_rows("test")))
    if not (1 <= prompts <= len(texts) and seeds >= 2):
        raise UnderpaintingError(
            f"{study.folder} has {len(texts)} test prompts: give 1 to {len(texts)} prompts, and 2 seeds or more"
        )
    used = {row.seed for row in study.rows}
    own = [seed for seed in range(FIRST_SEED, FIRST_SEED + prompts * seeds + len(used)) if seed not in used]
    rows = [PromptRow(texts[i // seeds], own[i], i // seeds) for i in range(prompts * seeds)]
    size = study.config.run.batch_size
    make_folder(folder)
    with only_run(folder):
        clear_partial(folder)
        card = {
            "probes": study.hashes()["probes/probes.safetensors"],
            "prompts": list(texts[:prompts]),
            "seeds": seeds,
            "first_seed": own[0],
            "steps": study.config.model.steps,
            "batch_size": size,
        }
        _hold_to(folder / CARD, card)
        missing = [
            (part_file(folder, i), batch)
            for i, batch in enumerate(batches(rows, size))
            if not part_file(folder, i).is_file()
        ]
        made = len(rows) - sum(len(batch) for _, batch in missing)
        progress.start(len(rows), made)
        if not missing and (folder / WANTED).is_file():
            return
        loaded = reload(study)
        _save(folder / WANTED, _wanted(study, prompts))
        noise = fit_noise(study, study.probes.properties, _latents(loaded))
        progress.phase("making pictures")
        for path, batch in missing:
            _save(path, Observed(study, loaded, noise).observe(batch, progress.advance))


def read_collection(folder: Path) -> Collection:
    """What was collected in a folder. Raises UnderpaintingError where it is none, or not whole."""
    if not (folder / CARD).is_file():
        raise UnderpaintingError(f"{folder} holds neither a study nor a collection: give one of both")
    card = read_json(folder / CARD)
    count = -(-len(card["prompts"]) * card["seeds"] // card["batch_size"])
    files = [part_file(folder, i) for i in range(count)]
    if missing := [path.name for path in files if not path.is_file()]:
        raise UnderpaintingError(
            f"{folder} lacks {len(missing)} of {count} batches, {missing[0]} first: collect it to its end"
        )
    parts = [read_tensors(path) for path in files]
    maps: dict[tuple[str, int], dict[str, Tensor]] = {}
    seconds: dict[str, float] = {}
    for name in parts[0]:
        source, step, what = name.split("/")
        if source == "seconds":
            seconds[what] = median(float(part[name]) for part in parts)
        else:
            maps.setdefault((source, int(step)), {})[what] = torch.cat([part[name] for part in parts])
    finish = seconds["decode"] + seconds["label"]
    read = {"probe": seconds["probe"], "estimator": finish, "noise": seconds["noise"], "random": 0.0}
    return Collection(
        prompts=tuple(card["prompts"]),
        seeds=card["seeds"],
        steps=card["steps"],
        final=maps.pop(("final", 0)),
        predicted=maps,
        wanted=read_tensors(folder / WANTED),
        seconds=Seconds(seconds["begin"], seconds["step"], read, seconds["decode"], seconds["label"]),
        machine=card["machine"],
    )


def part_file(folder: Path, number: int) -> Path:
    """The file of a batch."""
    return folder / f"{number:05d}.safetensors"


class Observed:
    """Looks on while a batch is made, and times what it does."""

    def __init__(self, study: StudyFolder, loaded: Loaded, noise: NoiseMap) -> None:
        """Nothing is seen yet."""
        self.study, self.loaded, self.noise = study, loaded, noise
        self.probes, self.estimator = ByProbes(study.probes), ByEstimator(loaded)
        self.steps = range(1, min(PROBED, study.config.model.steps) + 1)
        self.seen: list[Seen] = []
        self.marks: list[tuple[float, float]] = []

    def observe(self, rows: Sequence[PromptRow], tick: Callable[[float], None]) -> dict[str, Tensor]:
        """Maps by source, step and property, float16, at most `SIDE` cells wide; seconds a picture by part."""
        config, count = self.study.config.model, len(rows)
        keep = seeing(self.study.probes, self.steps, self.seen.append)

        def look(record: StepRecord) -> None:
            begun = time.perf_counter()
            keep(record)
            self.marks.append((begun, time.perf_counter()))
            tick(count / config.steps)

        layers = watched(self.study.probes)
        begun = time.perf_counter()
        latents = denoise(self.loaded.model, rows, config, Watching(layers=layers, on_step=look)).latents
        steps = [begin - end for (_, end), (begin, _) in pairwise(self.marks)]
        step = median(steps) if steps else 0.0
        seconds = {
            "begin": max(0.0, self.marks[0][0] - begun - step),
            "step": step,
            "probe": median(end - begin for begin, end in self.marks[: len(self.steps)]),
        }
        tensors: dict[str, Tensor] = {}
        with _timed(seconds, "noise"):
            drawn = white_noise(latents.float().cpu(), [row.seed for row in rows])
            tensors |= _named("noise", 0, self.noise.maps(drawn))
        for seen in self.seen:
            tensors |= _named("probe", seen.step, self.probes.ways(seen)[BEST])
        looking = []
        final = Seen(config.steps, {}, latents.cpu())
        for source, seen in [*(("estimator", seen) for seen in self.seen[:ESTIMATED]), ("final", final)]:
            begun = time.perf_counter()
            (maps,) = self.estimator.ways(seen).values()
            looking.append(time.perf_counter() - begun)
            tensors |= _named(source, 0 if source == "final" else seen.step, maps)
        with _timed(seconds, "decode"):
            decoded(self.loaded, final.clean)
        seconds["label"] = max(0.0, median(looking) - seconds["decode"])
        times = {f"seconds/0/{name}": torch.tensor(spent / count) for name, spent in seconds.items()}
        return tensors | times


class _timed:  # noqa: N801 (a context)
    """Adds the seconds that a block takes to a mapping."""

    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self.seconds, self.name = seconds, name

    def __enter__(self) -> None:
        self.begun = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self.seconds[self.name] = time.perf_counter() - self.begun


def _named(source: str, step: int, maps: Maps) -> dict[str, Tensor]:
    return {f"{source}/{step}/{name}": _compact(of) for name, of in maps.items()}


def _compact(maps: Tensor) -> Tensor:
    return on_grid(maps.float(), (min(SIDE, maps.shape[-2]), min(SIDE, maps.shape[-1]))).half().contiguous()


def _wanted(study: StudyFolder, prompts: int) -> dict[str, Tensor]:
    """The layout wished for with each prompt: that of a calibrate picture, in turn."""
    rows = study.sound_rows("calibrate")
    images = [rows[i % len(rows)].image for i in range(prompts)]
    labels = {name: study.labels(name) for name in study.probes.properties}
    return {name: _compact(torch.stack([of[image] for image in images])) for name, of in labels.items()}


def _latents(loaded: Loaded) -> Tensor:
    """Of the shape that a picture's have."""
    return loaded.model.encode(torch.zeros(1, 3, *loaded.model.size)).float().cpu()


def _hold_to(path: Path, card: Mapping[str, Any]) -> None:
    """Write what a collection is of, or raise UnderpaintingError where it was begun with something else."""
    if not path.is_file():
        with replacing(path) as temporary:
            write_json(temporary, {**card, "machine": facts()})
        return
    begun = read_json(path)
    if differing := [name for name, value in card.items() if begun.get(name) != value]:
        raise UnderpaintingError(
            f"{path.parent} holds a collection with other {', '.join(differing)}: choose another folder"
        )


def _save(path: Path, tensors: Mapping[str, Tensor]) -> None:
    with replacing(path) as temporary:
        save_file(dict(tensors), temporary)
