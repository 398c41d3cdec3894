"""How much of a layout does the seed decide, how much the prompt? Every prompt of some, with every seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace
from itertools import count, islice
from pathlib import Path

import pyarrow as pa
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.findings.variance import FINISHED, Decided, variances
from underpainting.intervention.experiment import one_a_prompt
from underpainting.intervention.kept import name_of
from underpainting.probes import ProbeSet
from underpainting.progress import Progress
from underpainting.records import LAYOUTS, VARIANCE, table_of_rows, write_table
from underpainting.seeds.layout import QUANTITIES, layouts
from underpainting.seeds.predict import BEST, ByProbes, Seen, seeing, watched
from underpainting.study.batch import Look, Made, make_batch, make_sound
from underpainting.study.environment import Loaded, reload
from underpainting.study.kept.gallery import spread
from underpainting.study.request.prompts import PromptRow
from underpainting.study.schedule import in_batches
from underpainting.study.sealed import ASK_AGAIN
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import OBJECT, main_branch


def variance(
    study: StudyFolder, *, prompts: int = 12, seeds: int = 12, progress: Progress | None = None
) -> list[Decided]:
    """Ask what the seed decides of where the object is, how large, how deep, how light, and what the prompt.

    prompts: as many test prompts, spread evenly. seeds: as many, from 0 on, of those that no picture of the
    study has. One picture is made of each prompt with each seed. A row a quantity and step: as probes of each
    step's best layer read it, and of the finished pictures' labels at step 0. They are kept in
    `seeds/variance.parquet`; pictures that are scored already are not made again.

    Raises UnderpaintingError where the study is not done, has no probes of where the object is, or has fewer
    than two test prompts.
    """
    if min(prompts, seeds) < 2:
        raise UnderpaintingError(
            f"{prompts} prompts and {seeds} seeds have no variance: give 2 of each or more"
        )
    study.require_done()
    probes, progress = study.probes, progress or Progress()
    if OBJECT not in probes.properties:
        raise UnderpaintingError(
            f"{study.folder} has no probes of {OBJECT}, by which the object is found; init a study with it"
        )
    rows, size = design(study, prompts, seeds), study.config.run.batch_size
    parts = {_part(study, rows, number): batch for number, batch in enumerate(in_batches(rows, size))}
    missing = {path: batch for path, batch in parts.items() if not study.has(path, ASK_AGAIN)}
    if missing:
        loaded = reload(study)
        progress.start(len(rows), len(rows) - sum(map(len, missing.values())))
        progress.phase(f"{len(rows) // seeds} prompts, {seeds} seeds")
        for path, batch in missing.items():
            table = measure(study, loaded, probes, batch, progress)
            with study.sealing(path) as temporary:
                write_table(temporary, table, LAYOUTS)
    decided = variances([study.table(path, LAYOUTS) for path in parts], QUANTITIES)
    with study.sealing(study.variance_file) as temporary:
        write_table(temporary, table_of_rows(VARIANCE, map(astuple, decided)), VARIANCE)
    return decided


def worth(study: StudyFolder, quantity: str) -> Decided | None:
    """What decides a quantity of `seeds.layout.QUANTITIES` in finished pictures, where the study was asked.

    Whether choosing seeds for it pays is its `pays`. Raises UnderpaintingError where the table is damaged.
    """
    if not study.has(study.variance_file, ASK_AGAIN):
        return None
    rows = study.table(study.variance_file, VARIANCE).to_pylist()
    found = (row for row in rows if (row["quantity"], row["step"]) == (quantity, FINISHED))
    return next((Decided(**row) for row in found), None)


def design(study: StudyFolder, prompts: int, seeds: int) -> list[PromptRow]:
    """The pictures to make, prompt by prompt. Raises UnderpaintingError where there is one test prompt."""
    chosen = spread(one_a_prompt(study.sound_rows("test")), prompts)
    if len(chosen) < 2:
        raise UnderpaintingError(f"{study.folder} has {len(chosen)} test prompt; 2 or more can be compared")
    new = new_seeds(study, seeds)
    return [replace(row, seed=seed) for row in chosen for seed in new]


def new_seeds(study: StudyFolder, number: int) -> list[int]:
    """So many seeds, from 0 on, that no picture of the study has."""
    taken = {row.seed for row in study.rows}
    return list(islice((seed for seed in count() if seed not in taken), number))


def _part(study: StudyFolder, rows: Sequence[PromptRow], number: int) -> Path:
    """Table of a batch's quantities, in a folder that is named by the whole design."""
    name = name_of([(row.image, row.prompt) for row in rows])
    return study.seeds_folder / f"variance-{name}" / f"{number:05d}.parquet"


class _Quantities:
    """Quantities [picture] by step and name, as probes read them of a batch."""

    def __init__(self, probes: ProbeSet) -> None:
        self.found: dict[int, dict[str, Tensor]] = {}
        self.look = seeing(probes, range(1, probes.steps + 1), self._keep)
        self._reading = ByProbes(probes)

    def _keep(self, seen: Seen) -> None:
        self.found[seen.step] = layouts(self._reading.ways(seen)[BEST])


def measure(
    study: StudyFolder,
    loaded: Loaded,
    probes: ProbeSet,
    rows: Sequence[PromptRow],
    progress: Progress | None = None,
) -> pa.Table:
    """Quantities of a batch at every step and finished; rows of `LAYOUTS`. Unsound pictures have none."""
    progress, wanted = progress or Progress(), watched(probes)
    layers = tuple(layer for layer in loaded.places.watched if layer.name in wanted)
    places = replace(loaded.places, watched=layers, branches=(main_branch(probes.branches),), stand_ins=())
    watching = replace(loaded, places=places, objects=())

    def make(of: tuple[PromptRow, ...], look: Look) -> Made:
        return make_batch(watching, of, study.config.model, look, progress.advance)

    aside: dict[str, str] = {}
    batch = make_sound(tuple(rows), lambda _: (_Quantities(probes),), make, aside)
    for image, reason in aside.items():
        progress.note(f"{image} is left out: {reason}")
    if batch is None:
        return table_of_rows(LAYOUTS, ())
    by_step = {FINISHED: layouts(batch.made.labels)} | batch.recorders[0].found
    return table_of_rows(
        LAYOUTS,
        (
            (row.image, row.prompt, row.seed, step, quantity, value)
            for step, quantities in by_step.items()
            for quantity, values in quantities.items()
            for row, value in zip(batch.rows, values.tolist(), strict=True)
        ),
    )
