"""What a shard keeps; and a calibrate shard's scores until the choice is made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from underpainting.readers import opened_tensors
from underpainting.study.batch import Made
from underpainting.study.kept.scores import Scores
from underpainting.study.paths import ASIDE, IMAGES, LABELS
from underpainting.study.request.prompts import PromptRow
from underpainting.vocabulary import Property

ROWS, MAPS = "rows.parquet", "maps.safetensors"
LATENTS, WORDS = "latents.safetensors", "words.safetensors"
"""Further files of a shard, beside those that any reader of a study knows."""

TOTAL, COUNT = "total", "count"


class Keeper:
    """Writes a shard's pictures at once, and its labels at the end, into the shard's (temporary) folder.

    aside: why pictures were set aside, by image; makers of batches add to it.
    """

    def __init__(self, folder: Path, properties: Sequence[Property]) -> None:
        """Start with an empty folder."""
        self.folder, self._properties = folder, properties
        self.aside: dict[str, str] = {}
        self._labels: dict[str, Tensor] = {}
        (folder / IMAGES).mkdir()

    def keep(self, rows: Sequence[PromptRow], made: Made) -> None:
        """Write a batch's pictures and remember its labels: binary ones in 8 bits, others in float32."""
        for i, row in enumerate(rows):
            Image.fromarray(made.pictures[i].numpy()).save(self.folder / IMAGES / f"{row.image}.png")
            for found in self._properties:
                label = made.labels[found.name][i]
                kept = label.to(torch.uint8) if found.binary else label.clone()
                self._labels[f"{row.image}/{found.name}"] = kept

    def close(self) -> None:
        """Write the labels, `{image}/{property}` [height, width], and why pictures were set aside."""
        save_file(self._labels, self.folder / LABELS)
        text = json.dumps(self.aside, indent=1, ensure_ascii=False)
        (self.folder / ASIDE).write_text(text + "\n", encoding="utf-8")


def write_part(path: Path, scores: Mapping[str, Scores]) -> None:
    """Write a calibrate shard's scores by source, and their sums, as one safetensors file."""
    tensors: dict[str, Tensor] = {}
    for source, own in scores.items():
        for key, values in own.items():
            name = "/".join([source, *key])
            tensors[name] = values.contiguous()
            tensors[f"{TOTAL}/{name}"] = values.nansum(0, dtype=torch.float64)
            tensors[f"{COUNT}/{name}"] = (~values.isnan()).sum(0)
    save_file(tensors, path)


def read_part(path: Path) -> dict[str, Scores]:
    """Scores by source, as `write_part` wrote them. Raises UnderpaintingError where they are broken."""
    return _read_part(path, "")


def mean_scores(parts: Iterable[Path]) -> dict[str, Scores]:
    """By source, the mean of each score over the pictures of all parts that have it; nan where none has."""
    totals: dict[str, dict[str, Scores]] = {TOTAL: {}, COUNT: {}}
    for path in parts:
        for kind, sums in totals.items():
            for source, own in _read_part(path, kind).items():
                into = sums.setdefault(source, {})
                for key, values in own.items():
                    into[key] = into[key] + values if key in into else values
    return {
        source: {key: total / totals[COUNT][source][key] for key, total in own.items()}
        for source, own in totals[TOTAL].items()
    }


def _read_part(path: Path, kind: str) -> dict[str, Scores]:
    """One kind of a part's arrays: `TOTAL`, `COUNT`, or the scores themselves, which have none."""
    scores: dict[str, Scores] = {}
    with opened_tensors(path, "file of scores", "remove its shard to make it anew") as file:
        for name in file.keys():  # noqa: SIM118 (no mapping)
            *kinds, source, of, metric = name.split("/")
            if kinds == ([kind] if kind else []):
                scores.setdefault(source, {})[of, metric] = file.get_tensor(name)
    return scores
