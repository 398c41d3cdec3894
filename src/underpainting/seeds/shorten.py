"""Less work from a step on: without guidance, or by larger steps. What does it cost?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import save_file
from torch import Tensor

from underpainting.diffusion import Denoised, StepRecord, Watching
from underpainting.diffusion.begin import Larger, require_larger
from underpainting.diffusion.called import NEGATIVE
from underpainting.diffusion.evaluations import steps_planned
from underpainting.diffusion.pausing import Paused
from underpainting.errors import UnderpaintingError
from underpainting.findings.shortened import (
    ANOTHER,
    EVALUATIONS,
    FEWER,
    LARGER,
    ROWS,
    UNGUIDED,
    WHOLE,
    Shortened,
    Way,
    shortened,
)
from underpainting.intervention.act import seeing_painter
from underpainting.intervention.experiment import one_a_prompt
from underpainting.intervention.kept import name_of
from underpainting.intervention.painter import Painter, Unedited
from underpainting.intervention.trials import judge
from underpainting.progress import Progress
from underpainting.readers import read_tensors
from underpainting.records import SHORTENED, table_of_rows, write_table
from underpainting.seeds.variance import new_seeds
from underpainting.study.batch import decode_kept, denoise
from underpainting.study.kept.gallery import spread
from underpainting.study.paths import FEATURES
from underpainting.study.request.config import ModelConfig
from underpainting.study.request.prompts import PromptRow
from underpainting.study.schedule import in_batches
from underpainting.study.sealed import ASK_AGAIN
from underpainting.study.study import StudyFolder

SHARES = (1 / 5, 1 / 3, 8 / 15)
"""Of the steps: after which they are shortened, unless others are given."""

METRICS = ("own", "class_kept", "class_right", "colour_change", "background_change")
Score = tuple[str, str]


@dataclass(frozen=True)
class Answer:
    """Every score of every way, and the folder that holds the scores of pictures."""

    rows: list[Shortened]
    folder: Path


def shorten(
    study: StudyFolder,
    *,
    after: Sequence[int] | None = None,
    pictures: int = 64,
    progress: Progress | None = None,
) -> Answer:
    """Ask what it costs to do less from a step on, on test pictures, one a prompt.

    after: the last steps that are as they were, from 1; three of them where left out. From the next on there
    is no guidance, or only every second step is done. Both go on from the whole run's own latents and all
    that its scheduler keeps (see `diffusion.Paused`). Beside them stand whole runs of fewer steps, as many as
    the network's rows allow, and another seed. Scores are kept in `seeds/shorten-…`, batch by batch; what is
    there is not made again.

    Raises UnderpaintingError where the study is not done, or there is no such step.
    """
    study.require_done()
    steps = study.config.model.steps
    after = sorted(set(after or (min(max(1, round(share * steps)), steps - 1) for share in SHARES)))
    if outside := [step for step in after if not 1 <= step < steps]:
        raise UnderpaintingError(
            f"nothing can be shortened after step {outside[0]} of {steps}: give steps from 1 to {steps - 1}"
        )
    rows = spread(one_a_prompt(study.sound_rows("test")), pictures)
    seeds = dict(zip(rows, new_seeds(study, len(rows)), strict=True))
    folder = study.seeds_folder / f"shorten-{name_of([list(after), [row.image for row in rows]])}"
    size = study.config.run.batch_size
    parts = {folder / f"{i:05d}.parquet": batch for i, batch in enumerate(in_batches(rows, size))}
    missing = {path: batch for path, batch in parts.items() if not study.has(path, ASK_AGAIN)}
    progress = progress or Progress()
    if missing:
        worker = _Shortening(seeing_painter(study), tuple(after), seeds, progress)
        worker.start(len(rows), len(rows) - sum(map(len, missing.values())))
        for path, batch in missing.items():
            table, of_batch = worker.measured(batch)
            with study.sealing(path.with_suffix(FEATURES)) as temporary:
                save_file({f"{way}/{step}": of for (way, step), of in of_batch.items()}, temporary)
            with study.sealing(path) as temporary:
                write_table(temporary, table, SHORTENED)
    seen: dict[Way, list[Tensor]] = {}
    for path in parts:
        for name, of in read_tensors(study.require(path.with_suffix(FEATURES), ASK_AGAIN)).items():
            way, _, step = name.rpartition("/")
            seen.setdefault((way, int(step)), []).append(of)
    features = {way: np.asarray(torch.cat(of).double()) for way, of in seen.items()}
    return Answer(shortened([study.table(path, SHORTENED) for path in parts], features), folder)


@dataclass(frozen=True)
class _Shortening:
    """Makes a batch's pictures every way."""

    painter: Painter
    after: tuple[int, ...]
    seeds: Mapping[PromptRow, int]
    progress: Progress

    @property
    def config(self) -> ModelConfig:
        return self.painter.study.config.model

    @property
    def is_guided(self) -> bool:
        return len(self.painter.order) > 1

    @property
    def can_be_larger(self) -> bool:
        """Whether the scheduler can leave steps out."""
        scheduler = self.painter.loaded.model.pipe.scheduler
        try:
            scheduler.set_timesteps(self.config.steps)
            require_larger(scheduler, self.config.steps)
        except (UnderpaintingError, ValueError):  # flows' need to be told the picture's size
            return "Flow" in type(scheduler).__name__ and hasattr(scheduler, "step_index")
        return True

    def start(self, pictures: int, done: int) -> None:
        """Say what is to be made, and what cannot be."""
        ways = 2 + len(self.after) * (2 * self.is_guided + 2 * self.can_be_larger)
        self.progress.start(pictures * ways, done * ways)
        if not self.is_guided:
            self.progress.note("these pictures are made without guidance: there is none to drop")
        if not self.can_be_larger:
            scheduler = self.painter.loaded.model.scheduler_name
            self.progress.note(f"{scheduler} cannot make larger steps, which are left out")
        self.progress.phase("shortening")

    def measured(self, rows: Sequence[PromptRow]) -> tuple[pa.Table, dict[Way, Tensor]]:
        """Rows of `SHORTENED`, and features by way if the classifier has any."""
        painter, loaded = self.painter, self.painter.loaded
        features = getattr(loaded.classifier, "features", None)
        table: list[tuple[object, ...]] = []
        seen, whole = {}, None
        for way, denoised, given in self._made(rows):
            pictures = decode_kept(loaded.model, denoised.latents)
            labels = painter.labels(pictures)
            whole = whole or Unedited(tuple(rows), pictures, labels, {}, ())
            scores = judge(pictures, labels, whole, whole.labels, loaded.places.properties, loaded.classifier)
            scores = {key: of for key, of in scores.items() if key[1] in METRICS}
            scores["", EVALUATIONS] = torch.full((len(rows),), float(denoised.evaluations))
            scores["", ROWS] = torch.full((len(rows),), float(given))
            for score, values in scores.items():
                pairs = zip(rows, values.tolist(), strict=True)
                table += [(row.image, row.prompt, *way, *score, value) for row, value in pairs]
            if features:
                seen[way] = features(pictures).cpu().contiguous()
            self.progress.advance(len(rows))
        return table_of_rows(SHORTENED, table), seen

    def _made(self, rows: Sequence[PromptRow]) -> Iterator[tuple[Way, Denoised, int]]:
        """Each way, what it left, all its evaluations counted, and the rows that the network was given."""
        config, branches, steps = self.config, len(self.painter.order), self.config.steps
        latents: dict[int, Tensor] = {}

        def look(record: StepRecord) -> None:
            latents[record.step - 1] = record.latents

        whole = self._denoised(rows, config, Watching(on_step=look, stop_after=steps))
        yield (WHOLE, 0), whole, whole.evaluations * branches
        assert whole.paused is not None
        planned = steps_planned(self.painter.loaded.model.pipe.scheduler, steps)
        spent = set()
        for step in self.after:
            before = sum(of <= step for of in planned)
            paused = Paused(step, whole.paused.outputs[:, :before], latents[step])
            alone = config.model_copy(update={"guidance_scale": self.painter.loaded.model.adapter.plain})
            ways: dict[str, tuple[ModelConfig, Larger | None, int]] = {}
            if self.is_guided:
                ways[UNGUIDED] = alone, None, 1
            if self.can_be_larger and step < steps - 1:
                ways[LARGER] = config, Larger(step), branches
            for name, (settings, larger, each) in ways.items():
                made = self._denoised(rows, settings, Watching(resume=paused, larger=larger))
                given = before * branches + made.evaluations * each
                spent.add(-(-given * steps // (whole.evaluations * branches)))
                yield (name, step), replace(made, evaluations=before + made.evaluations), given
        for fewer in sorted(spent - {steps}):
            made = self._denoised(rows, config.model_copy(update={"steps": fewer}), Watching())
            yield (FEWER, fewer), made, made.evaluations * branches
        others = [replace(row, seed=self.seeds[row]) for row in rows]
        made = self._denoised(others, config, Watching())
        yield (ANOTHER, 0), made, made.evaluations * branches

    def _denoised(self, rows: Sequence[PromptRow], config: ModelConfig, watching: Watching) -> Denoised:
        model = self.painter.loaded.model
        if config.guidance_scale <= model.adapter.plain:  # where a negative prompt has no branch to be in
            model = model.called_with(**{name: None for name in model.arguments if name.startswith(NEGATIVE)})
        return denoise(model, rows, config, watching)
