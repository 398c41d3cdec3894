"""Pictures of many seeds, each denoised to its end: what was predicted of it after each step, and what it is.

A batch is a file; a collection that is stopped goes on with the batches that are missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from benchmarks.machine import facts
from benchmarks.regret.kept import CARD, TAUGHT, TRIED, WANTED, part_file
from benchmarks.regret.observe import Observed, compact
from benchmarks.subject import FIRST_SEED, batches
from underpainting.errors import UnderpaintingError
from underpainting.progress import Progress
from underpainting.readers import read_json
from underpainting.records import clear_partial, make_folder, only_run, replacing, write_json
from underpainting.seeds.lessons import calibrate_rows, cuts
from underpainting.seeds.noise import fit_noise
from underpainting.study.environment import reload
from underpainting.study.request.prompts import PromptRow
from underpainting.study.study import StudyFolder


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
    parts = {TRIED: rows, TAUGHT: calibrate_rows(study)}
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
                name: {str(step): probes.best_layer(name, step) for step in cuts(study.config.model.steps)}
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
        noise = fit_noise(study, probes.properties, loaded.model)
        progress.phase("making pictures")
        for path, batch in missing:
            _save(path, Observed(study, loaded, noise).observe(batch, progress.advance))


def _wanted(study: StudyFolder, prompts: int) -> dict[str, Tensor]:
    """The layout wished for with each prompt: that of a fit picture, in turn."""
    rows = study.sound_rows("fit")
    images = [rows[i % len(rows)].image for i in range(prompts)]
    labels = {name: study.labels(name) for name in study.probes.properties}
    return {name: compact(torch.stack([of[image] for image in images])) for name, of in labels.items()}


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
