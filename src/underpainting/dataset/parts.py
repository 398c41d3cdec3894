"""What is exported, batch by batch: pictures with labels, and what the network knew of them at some steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from underpainting.progress import Progress
from underpainting.readers import opened_tensors, read_json
from underpainting.records import SEARCHED, read_table
from underpainting.records.pictures import read_frame
from underpainting.seeds.layout import Maps
from underpainting.seeds.predict import BEST, ByProbes, Seen, watching
from underpainting.seeds.searched import READS, TABLE, require_search
from underpainting.study.batch import denoise
from underpainting.study.environment import Loaded, reload
from underpainting.study.labels import label_pictures
from underpainting.study.paths import LABELS, SEARCH_CARD
from underpainting.study.request.prompts import PromptRow
from underpainting.study.schedule import in_batches
from underpainting.study.study import StudyFolder

Items = list[tuple[NDArray[np.uint8], Mapping[str, Tensor]]]
"""Pictures [height, width, 3], each with its label maps [height, width] by property."""

FINISHED = "train"
"""The split of a search's pictures; the data sets of the hub that have but one call it so."""


@dataclass(frozen=True)
class Part:
    """Pictures that are written together, of one split.

    read: gives them in the order of the rows. scores: of a search's wish, by row.
    """

    split: str
    rows: Sequence[PromptRow]
    read: Callable[[], Items] = field(repr=False)
    scores: Sequence[float] = ()


def of_study(study: StudyFolder) -> Iterator[Part]:
    """The pictures of a study in its own batches, less those that were set aside."""
    aside = study.set_aside()
    for shard in study.shards:
        for batch in shard.batches:
            rows = [row for row in batch if row.image not in aside]
            if rows:
                yield Part(shard.split, rows, _reading(study, shard.number, rows))


def of_search(study: StudyFolder, folder: Path, loaded: Callable[[], Loaded]) -> Iterator[Part]:
    """The finished pictures of a search, best first, which the study's estimator labels.

    Raises UnderpaintingError where the folder holds no search of this study, or a damaged one.
    """
    require_search(folder, study)
    prompt = read_json(folder / SEARCH_CARD, *READS)["asked"]["prompt"]
    table = read_table(folder / TABLE, SEARCHED).to_pylist()
    finished = [row for row in table if row["score"] is not None]
    for batch in in_batches(finished, study.config.run.batch_size):
        files = [folder / "pictures" / f"seed_{row['seed']}.png" for row in batch]
        rows = [PromptRow(prompt, row["seed"], 0) for row in batch]
        scores = [row["score"] for row in batch]
        yield Part(FINISHED, rows, _labelling(files, loaded), scores)


@dataclass(frozen=True)
class Knowing:
    """Reads what the network knows of pictures at some steps; they are made again up to the last of these."""

    study: StudyFolder
    steps: Sequence[int]
    progress: Progress

    @cached_property
    def loaded(self) -> Loaded:
        """The study's model and observers."""
        return reload(self.study)

    def read(self, rows: Sequence[PromptRow]) -> dict[int, Maps]:
        """By step and property, [picture, row, column] as the probe of the step's best layer reads it."""
        probes, known = self.study.probes, dict[int, Maps]()
        if not self.steps:
            return known

        def keep(seen: Seen) -> None:
            known[seen.step] = ByProbes(probes).ways(seen)[BEST]

        denoise(self.loaded.model, rows, self.study.config.model, watching(probes, self.steps, keep))
        return known


def _reading(study: StudyFolder, number: int, rows: Sequence[PromptRow]) -> Callable[[], Items]:
    def read() -> Items:
        with opened_tensors(study.shard_file(number, LABELS)) as file:
            names = [name.rpartition("/") for name in file.keys()]  # noqa: SIM118 (no mapping)
            labels = {
                row.image: {
                    of: file.get_tensor(f"{image}/{of}") for image, _, of in names if image == row.image
                }
                for row in rows
            }
        frames = (read_frame(study.picture_file(number, row.image)).numpy() for row in rows)
        return [(frame, labels[row.image]) for frame, row in zip(frames, rows, strict=True)]

    return read


def _labelling(files: Sequence[Path], loaded: Callable[[], Loaded]) -> Callable[[], Items]:
    def read() -> Items:
        frames = [read_frame(file) for file in files]
        pictures = torch.stack(frames).permute(0, 3, 1, 2).float() / 255
        labels = label_pictures(loaded().estimator, pictures, loaded().places.properties)
        return [
            (frame.numpy(), {name: of[i] for name, of in labels.items()}) for i, frame in enumerate(frames)
        ]

    return read
