"""What a shard keeps, what it set aside; and a calibrate shard's scores until the choice is made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.records import sealing
from underpainting.study.making import Made
from underpainting.study.places import Property
from underpainting.study.prompts import PromptRow
from underpainting.study.scoring import Scores

ASIDE = "aside.json"


class Keeper:
    """Writes a shard's pictures at once, and its labels at the end, into the shard's (temporary) folder."""

    def __init__(self, folder: Path, properties: Sequence[Property]) -> None:
        """Start with an empty folder."""
        self.folder, self._properties = folder, properties
        self._labels: dict[str, Tensor] = {}
        (folder / "images").mkdir()

    def keep(self, rows: Sequence[PromptRow], made: Made) -> None:
        """Write a batch's pictures and remember its labels: binary ones in 8 bits, others in float32."""
        for i, row in enumerate(rows):
            Image.fromarray(made.pictures[i].numpy()).save(self.folder / "images" / f"{row.image}.png")
            for found in self._properties:
                label = made.labels[found.name][i]
                kept = label.to(torch.uint8) if found.binary else label.clone()
                self._labels[f"{row.image}/{found.name}"] = kept

    def close(self, aside: Mapping[str, str]) -> None:
        """Write the labels, `{image}/{property}` [height, width], and why pictures were set aside."""
        save_file(self._labels, self.folder / "labels.safetensors")
        text = json.dumps(dict(aside), indent=1, ensure_ascii=False)
        (self.folder / ASIDE).write_text(text + "\n", encoding="utf-8")


def set_aside(shards: Iterable[Path]) -> dict[str, str]:
    """Why pictures were set aside, by image, over the shards' folders that are there."""
    reasons: dict[str, str] = {}
    for folder in shards:
        if (folder / ASIDE).is_file():
            reasons |= json.loads((folder / ASIDE).read_text(encoding="utf-8"))
    return reasons


def join_scores(batches: Sequence[Scores]) -> Scores:
    """Scores of several batches as one, pictures in order; of none, no scores."""
    return {name: torch.cat([scores[name] for scores in batches]) for name in (batches or [{}])[0]}


def write_scores(path: Path, scores: Mapping[str, Scores]) -> None:
    """Write scores by source (`probe`, `position`, `ceiling`) as one sealed safetensors file."""
    tensors = {f"{source}/{name}": x.contiguous() for source, of in scores.items() for name, x in of.items()}
    with sealing(path) as temporary:
        save_file(tensors, temporary)


def read_scores(path: Path, source: str) -> Scores:
    """Read one source of what `write_scores` wrote. Raises UnderpaintingError where it is broken."""
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UnderpaintingError(
            f"{path} cannot be read ({error}); remove its shard to make it anew"
        ) from None
    return {name.split("/", 1)[1]: x for name, x in tensors.items() if name.startswith(f"{source}/")}
