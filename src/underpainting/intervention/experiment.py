"""Interventions scored as a causal claim: many pictures, random targets, and controls beside each edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from safetensors.torch import save_file

from underpainting.errors import UnderpaintingError
from underpainting.findings.distances import kernel_kinds, kinds
from underpainting.findings.interventions import KEPT, NULL, interventions
from underpainting.intervention.conditions import edited
from underpainting.intervention.edit import Edit, make_edit
from underpainting.intervention.painter import Painter
from underpainting.intervention.trying import (
    Comparison,
    TrialBatch,
    TrialMaker,
    joined,
    trial_of,
    tried,
    unedited_batches,
)
from underpainting.progress import Progress
from underpainting.readers import read_json, read_tensors
from underpainting.records import INTERVENTIONS, remove, write_json
from underpainting.study.batch import to_bytes
from underpainting.study.makers import Make, here
from underpainting.study.paths import FEATURES
from underpainting.study.request.prompts import PromptRow, prompt_numbers
from underpainting.study.schedule import in_batches
from underpainting.study.sealed import ASK_AGAIN
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import OBJECT

KINDS = ("carry", "covariance")
LOOKED_AT = 6, 4  # pictures and targets kept for looking at


def candidates(aim: str) -> list[Edit]:
    """Edits that are tried before one is chosen: kinds, strengths and steps."""
    last = (5, 8) if aim == OBJECT else (3, 5, 8)
    return [
        Edit.model_validate({"kind": kind, "strength": strength, "last": step, "properties": (aim,)})
        for kind in (KINDS if aim == OBJECT else ("covariance",))
        for strength in (1.5, 2.5)
        for step in last
    ]


def chosen_edit(study: StudyFolder, aim: str) -> Edit | None:
    """The edit that was chosen for a property, where one was."""
    path = study.chosen_edit_file(aim)
    return make_edit(read_json(path)["chosen"]) if study.has(path, ASK_AGAIN) else None


def choose_edit(painter: Painter, aim: str, root: Path, progress: Progress, make: Make = here) -> Edit:
    """The edit that moves a property's map best on calibrate pictures, where a lost class counts as nothing.

    All that was tried stands in `choice.json`; where it is there, nothing is tried again. root: the folder of
    what has this aim.
    """
    if chosen := chosen_edit(painter.study, aim):
        return chosen
    edits = [edit for edit in candidates(aim) if edit.last <= painter.probes.steps]
    if not edits:
        edits = [edit.model_copy(update={"last": painter.probes.steps}) for edit in candidates(aim)]
    maker = TrialMaker(painter, Comparison(aim, tuple(edits), tried, 1, "choice"), root, progress)
    rows = painter.study.sound_rows("calibrate")
    found = interventions(_scores(maker, rows, f"choosing an edit of {aim}", make))
    about = [
        {
            "edit": edit.model_dump(mode="json"),
            **{of.metric: of.mean for of in found if of.condition == str(i) and of.property in (aim, "")},
        }
        for i, edit in enumerate(edits)
    ]
    chosen = max(zip(edits, about, strict=True), key=lambda of: float(str(of[1]["target_if_kept"])))[0]
    with painter.study.sealing(painter.study.chosen_edit_file(aim)) as temporary:
        write_json(temporary, {"chosen": chosen.model_dump(mode="json"), "tried": about})
    remove(maker.folder)
    return chosen


def beside(study: StudyFolder, aim: str, edit: Edit) -> list[Edit]:
    """The best edit of each kind other than an edit's own among those that were tried for a property.

    Where none was tried, the edit's settings with the other kind.
    """
    path = study.chosen_edit_file(aim)
    tried = read_json(path)["tried"] if study.has(path, ASK_AGAIN) else []
    found = []
    for kind in KINDS:
        of_kind = [about for about in tried if about["edit"]["kind"] == kind]
        if kind != edit.kind:
            best = max(of_kind, key=lambda about: float(about["target_if_kept"]), default=None)
            found.append(make_edit(best["edit"]) if best else edit.model_copy(update={"kind": kind}))
    return found


def run_experiment(
    painter: Painter,
    comparison: Comparison,
    root: Path,
    *,
    pictures: int,
    progress: Progress,
    make: Make = here,
) -> pa.Table:
    """Every condition of every trial on the first test pictures of different prompts.

    Batches that are done are kept in the folder and not made again. root: the folder of what has this aim.
    Returns rows of `INTERVENTIONS`. Raises UnderpaintingError where the folder's were made by another edit.
    """
    study, maker = painter.study, TrialMaker(painter, comparison, root, progress)
    rows = one_a_prompt(study.sound_rows("test"))[:pictures]
    edit = comparison.edits[0].model_dump(mode="json")
    asked = {"edit": edit, "pictures": len(rows), "trials": comparison.trials}
    card = maker.folder / "experiment.json"
    if study.has(card, ASK_AGAIN) and read_json(card) != asked:
        raise UnderpaintingError(f"{maker.folder} holds another experiment; remove it, or ask for the same")
    with study.sealing(card) as temporary:
        write_json(temporary, asked)
    return _scores(maker, rows, f"moving {comparison.aim}", make)


def _scores(maker: TrialMaker, rows: Sequence[PromptRow], phase: str, make: Make) -> pa.Table:
    """Rows of all batches, each made where it is not there."""
    study = maker.painter.study
    size, each = study.config.run.batch_size, 1 + maker.comparison.trials * len(maker.conditions)
    batches = [TrialBatch(i * size, tuple(of), len(of) * each) for i, of in enumerate(in_batches(rows, size))]
    missing = [batch for batch in batches if not study.has(maker.table_file(batch), ASK_AGAIN)]
    total, left = (sum(batch.size for batch in of) for of in (batches, missing))
    maker.progress.start(total, total - left)
    maker.progress.phase(phase)
    for _ in make(maker, missing):
        pass
    return pa.concat_tables([study.table(maker.table_file(batch), INTERVENTIONS) for batch in batches])


def distances(study: StudyFolder, folder: Path) -> dict[str, Any]:
    """Whether an experiment's pictures are still of their kind, in the features of the study's classifier.

    `kernel`: by condition `mean`, `low`, `high` of `findings.distances.kernel_distance` from the unedited
    pictures; `frechet`: see `findings.distances.kinds`. Nothing where the classifier gives no features.
    """
    starts = {path.name.partition(".")[0] for path in folder.glob("[0-9]*")}
    parts = [folder / f"{start}.parquet" for start in sorted(starts)]
    seen = joined([read_tensors(study.require(path.with_suffix(FEATURES), ASK_AGAIN)) for path in parts])
    features = {name: of.double().numpy() for name, of in seen.items()}
    if not features:
        return {}
    rows = pa.concat_tables(study.table(path, INTERVENTIONS) for path in parts)
    painted = rows.filter((pc.field("condition") == NULL) & (pc.field("metric") == KEPT))
    prompts = np.array(painted["prompt"].to_pylist())  # a row a picture, in the order of the features
    kernel = kernel_kinds(features, NULL, prompts)
    return {
        "kernel": {name: asdict(of) for name, of in kernel.items()},
        "frechet": kinds(features, NULL),
    }


def keep_examples(painter: Painter, aim: str, edit: Edit, progress: Progress) -> None:
    """Keep a few test pictures, each with the pictures painted for several targets, for looking at.

    `examples.safetensors`: before [picture, height, width, 3] uint8, after [picture, trial, height, width, 3]
    uint8, target [picture, trial, height, width] float16. Nothing is made where it is there.
    """
    path = painter.study.examples_file(aim)
    if painter.study.has(path, ASK_AGAIN):
        return
    pictures, trials = LOOKED_AT
    rows = one_a_prompt(painter.study.sound_rows("test"))[:pictures]
    before, after, target = [], [], []
    progress.start(len(rows) * (1 + trials))
    progress.phase("examples to look at")
    for unedited in unedited_batches(painter, rows, aim, progress):
        of, painted = [trial_of(painter, unedited, aim, trial) for trial in range(trials)], []
        for trial in of:
            painted.append(edited(painter, edit)(trial).pictures)
            progress.advance(len(unedited.rows))
        before.append(unedited.pictures)
        after.append(torch.stack(painted, dim=1))
        target.append(torch.stack([trial.target[aim] for trial in of], dim=1))
    tensors = {
        "before": to_bytes(torch.cat(before).movedim(-3, -1)).contiguous(),
        "after": to_bytes(torch.cat(after).movedim(-3, -1)).contiguous(),
        "target": torch.cat(target).half().contiguous(),
    }
    with painter.study.sealing(path) as temporary:
        save_file(tensors, temporary)


def one_a_prompt(rows: Sequence[PromptRow]) -> list[PromptRow]:
    """The first picture of every prompt."""
    _, first = np.unique(prompt_numbers(rows), return_index=True)
    return [rows[i] for i in sorted(first)]
