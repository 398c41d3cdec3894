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
from underpainting.seeds.lessons import cuts
from underpainting.seeds.predict import BEST, ByEstimator, Seen, decoded, layer_at, seeing, watched
from underpainting.study.batch import denoise
from underpainting.study.environment import Loaded, reload
from underpainting.study.request.prompts import PromptRow
from underpainting.study.study import StudyFolder

ESTIMATED = 5
"""First cuts at which the estimator predicts the finished picture; probes do at all of `cuts`."""

SIDE = 32
"""Rows and columns of the maps that are kept, at most."""

CARD, WANTED = "collection.json", "wanted.safetensors"
TRIED, TAUGHT = "pictures", "calibrate"
"""Names of the batches: what seeds are chosen among, and the pictures that teach how predictions are read."""

Ways = Mapping[str, Maps]
"""Maps by the name of the way in which they are read, the one to be taken without a choice first."""


@dataclass(frozen=True)
class Pictures:
    """Maps of finished pictures, and what was predicted of them by source and step (0: before the first)."""

    final: Maps
    predicted: Mapping[tuple[str, int], Ways]


@dataclass(frozen=True)
class Collection:
    """All that was collected.

    prompts: their texts. seeds: how many of each. steps: of a picture. tried: pictures by prompt, and within
    it by seed. taught: calibrate pictures. wanted: by property, maps [prompt, row, column] of the picture
    whose layout is wished for with each. seconds: what parts take. machine: what they were measured on.
    """

    prompts: tuple[str, ...]
    seeds: int
    steps: int
    tried: Pictures
    taught: Pictures
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
            f"{study.folder} has {len(texts)} test prompts: give 1 to {len(texts)}, and 2 seeds or more"
        )
    used = {row.seed for row in study.rows}
    own = [seed for seed in range(FIRST_SEED, FIRST_SEED + prompts * seeds + len(used)) if seed not in used]
    rows = [PromptRow(texts[i // seeds], own[i], i // seeds) for i in range(prompts * seeds)]
    parts = {TRIED: rows, TAUGHT: study.sound_rows("calibrate")}
    size = study.config.run.batch_size
    files = [
        (part_file(folder, name, i), batch)
        for name, all_rows in parts.items()
        for i, batch in enumerate(batches(all_rows, size))
    ]
    make_folder(folder)
    with only_run(folder):
        clear_partial(folder)
        probes = study.probes
        card = {
            "probes": study.hashes()["probes/probes.safetensors"],
            "prompts": list(texts[:prompts]),
            "seeds": seeds,
            "first_seed": own[0],
            "steps": study.config.model.steps,
            "batches": {name: -(-len(all_rows) // size) for name, all_rows in parts.items()},
            "layers": {
                name: {str(step): layer_at(probes, name, step) for step in cuts(study.config.model.steps)}
                for name in probes.properties
            },
        }
        _hold_to(folder / CARD, card)
        missing = [(path, batch) for path, batch in files if not path.is_file()]
        total, left = (sum(len(batch) for _, batch in of) for of in (files, missing))
        progress.start(total, total - left)
        if not missing and (folder / WANTED).is_file():
            return
        loaded = reload(study)
        _save(folder / WANTED, _wanted(study, prompts))
        noise = fit_noise(study, probes.properties, _latents(loaded))
        progress.phase("making pictures")
        for path, batch in missing:
            _save(path, Observed(study, loaded, noise).observe(batch, progress.advance))


def read_collection(folder: Path) -> Collection:
    """What was collected in a folder. Raises UnderpaintingError where it is none, or not whole."""
    if not (folder / CARD).is_file():
        raise UnderpaintingError(f"{folder} holds neither a study nor a collection: give one of both")
    card = read_json(folder / CARD)
    parts = {
        name: [part_file(folder, name, i) for i in range(count)] for name, count in card["batches"].items()
    }
    files = [path for of in parts.values() for path in of]
    if missing := [path.name for path in files if not path.is_file()]:
        raise UnderpaintingError(
            f"{folder} lacks {len(missing)} of {len(files)} batches ({missing[0]}): collect it to its end"
        )
    tensors = {name: [read_tensors(path) for path in of] for name, of in parts.items()}
    names = [name for name in tensors[TRIED][0] if name.startswith("seconds/")]
    spent = {name.split("/")[1]: median(float(of[name]) for of in tensors[TRIED]) for name in names}
    read = {"probe": spent["probe"], "estimator": spent["decode"] + spent["label"]}
    return Collection(
        prompts=tuple(card["prompts"]),
        seeds=card["seeds"],
        steps=card["steps"],
        tried=_pictures(tensors[TRIED], card["layers"]),
        taught=_pictures(tensors[TAUGHT], card["layers"]),
        wanted=read_tensors(folder / WANTED),
        seconds=Seconds(
            spent["begin"],
            spent["step"],
            {"random": 0.0, "noise": spent["noise"], **read},
            spent["decode"],
            spent["label"],
        ),
        machine=card["machine"],
    )


def part_file(folder: Path, name: str, number: int) -> Path:
    """The file of a batch."""
    return folder / f"{name}-{number:05d}.safetensors"


class Observed:
    """Looks on while a batch is made, and times what it does."""

    def __init__(self, study: StudyFolder, loaded: Loaded, noise: NoiseMap) -> None:
        """Nothing is seen yet."""
        self.study, self.loaded, self.noise = study, loaded, noise
        self.estimator = ByEstimator(loaded)
        self.seen: list[Seen] = []
        self.marks: list[tuple[float, float]] = []

    def observe(self, rows: Sequence[PromptRow], tick: Callable[[float], None]) -> dict[str, Tensor]:
        """Maps by `source/step/way/property`, float16, at most `SIDE` wide; `seconds/part` of a picture."""
        config, count = self.study.config.model, len(rows)
        steps = cuts(config.steps)
        keep = seeing(self.study.probes, steps, self.seen.append)

        def look(record: StepRecord) -> None:
            begun = time.perf_counter()
            keep(record)
            self.marks.append((begun, time.perf_counter()))
            tick(count / config.steps)

        layers = watched(self.study.probes)
        begun = time.perf_counter()
        latents = denoise(self.loaded.model, rows, config, Watching(layers=layers, on_step=look)).latents
        step = median(after - before for (_, before), (after, _) in pairwise(self.marks))
        seconds = {
            "begin": max(0.0, self.marks[0][0] - begun - step),
            "step": step,
            "probe": median(after - before for before, after in self.marks[: len(steps)]),
        }
        begun = time.perf_counter()
        drawn = white_noise(latents.float().cpu(), [row.seed for row in rows])
        tensors = _named("noise/0/noise", self.noise.maps(drawn))
        seconds["noise"] = time.perf_counter() - begun
        for seen in self.seen:
            for (name, layer), maps in seen.maps.items():
                tensors |= _named(f"probe/{seen.step}/{layer}", {name: maps})
        final = Seen(config.steps, {}, latents.cpu())
        looks = [*((f"estimator/{seen.step}", seen) for seen in self.seen[:ESTIMATED]), ("final/0", final)]
        times = []
        for name, seen in looks:
            begun = time.perf_counter()
            (maps,) = self.estimator.ways(seen).values()
            times.append(time.perf_counter() - begun)
            tensors |= _named(f"{name}/estimator", maps)
        begun = time.perf_counter()
        decoded(self.loaded, final.clean)
        seconds["decode"] = time.perf_counter() - begun
        seconds["label"] = max(0.0, median(times) - seconds["decode"])
        return tensors | {f"seconds/{name}": torch.tensor(of / count) for name, of in seconds.items()}


def _pictures(parts: Sequence[Mapping[str, Tensor]], layers: Mapping[str, Mapping[str, str]]) -> Pictures:
    """Of all batches; of the probes' ways the one by each property's best layer at the step is first."""
    kept: dict[tuple[str, int], dict[str, dict[str, Tensor]]] = {}
    for name in parts[0]:
        source, *rest = name.split("/")
        if source != "seconds":
            step, way, of = rest
            ways = kept.setdefault((source, int(step)), {BEST: {}} if source == "probe" else {})
            ways.setdefault(way, {})[of] = torch.cat([part[name] for part in parts])
    for (source, step), ways in kept.items():
        if source == "probe":
            ways[BEST] |= {of: ways[by_step[str(step)]][of] for of, by_step in layers.items()}
    (final,) = kept.pop(("final", 0)).values()
    return Pictures(final, kept)


def _named(name: str, maps: Maps) -> dict[str, Tensor]:
    return {f"{name}/{of}": _compact(tensor) for of, tensor in maps.items()}


def _compact(maps: Tensor) -> Tensor:
    return on_grid(maps.float(), (min(SIDE, maps.shape[-2]), min(SIDE, maps.shape[-1]))).half().contiguous()


def _wanted(study: StudyFolder, prompts: int) -> dict[str, Tensor]:
    """The layout wished for with each prompt: that of a fit picture, in turn."""
    rows = study.sound_rows("fit")
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
