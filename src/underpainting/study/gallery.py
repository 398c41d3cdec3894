"""A few test pictures kept for looking at, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from underpainting.diffusion import Model, StepRecord
from underpainting.probes import ProbeSet
from underpainting.records import atomic_folder, remove
from underpainting.study.folder import Study, write_json
from underpainting.study.making import Made, to_bytes
from underpainting.study.places import Places
from underpainting.study.prompts import PromptRow

DECODED_AT_ONCE = 8


def gallery_rows(study: Study) -> list[PromptRow]:
    """The gallery's pictures: as many as asked for, spread evenly over the test pictures."""
    test = [row for row, split in zip(study.rows, study.splits, strict=True) if split == "test"]
    count = min(study.config.run.gallery, len(test))
    return [test[i * len(test) // count] for i in range(count)]


class Film:
    """Latents and predicted clean latents of the gallery's pictures in a batch, step by step."""

    def __init__(self, rows: Sequence[PromptRow], wanted: Sequence[PromptRow]) -> None:
        """Keep what a batch has of the wanted pictures."""
        self._rows = [(i, row) for i, row in enumerate(rows) if row in wanted]
        self._kept: list[tuple[Tensor, Tensor]] = []

    def look(self, record: StepRecord) -> None:
        """Keep one step."""
        if self._rows:
            index = [i for i, _ in self._rows]
            self._kept.append((record.latents[index].clone(), record.predicted_clean[index].clone()))

    def develop(
        self, model: Model, made: Made, maps: Mapping[str, Tensor], places: Places, probes: ProbeSet
    ) -> dict[str, Tensor]:
        """Decode what was kept: tensors `{image}/noisy`, `/clean`, `/final`, `/label/...`, `/probe/...`."""
        tensors: dict[str, Tensor] = {}
        branch = places.branches.index(places.main_branch)
        grids = {layer.name: layer.grid for layer in places.layers}
        for j, (i, row) in enumerate(self._rows):
            for name, which in (("noisy", 0), ("clean", 1)):
                tensors[f"{row.image}/{name}"] = _decode(
                    model, torch.stack([step[which][j] for step in self._kept])
                )
            tensors[f"{row.image}/final"] = made.pictures[i].contiguous()
            for k, found in enumerate(places.properties):
                best = probes.best_layer(found.name)
                read = maps[best][i, k, :, branch, 0, 0].reshape(-1, *grids[best])
                tensors[f"{row.image}/probe/{found.name}"] = read.to(torch.float16).contiguous()
                tensors[f"{row.image}/label/{found.name}"] = (
                    made.labels[found.name][i].to(torch.float16).contiguous()
                )
        return tensors


def write_gallery(study: Study, parts: Sequence[Path], probes: ProbeSet, places: Places) -> None:
    """Put the gallery together from the test shards' maps: `gallery.json` and `gallery.safetensors`."""
    filmed: dict[str, Tensor] = {}
    for part in parts:
        filmed |= load_file(part)
    rows = [row for row in gallery_rows(study) if f"{row.image}/final" in filmed]
    number = {row.image: str(i) for i, row in enumerate(rows)}
    tensors = {}
    for name, tensor in filmed.items():
        image, rest = name.split("/", 1)
        tensors[f"{number[image]}/{rest}"] = tensor
    about = {
        "pictures": [{"image": row.image, "prompt": row.prompt, "seed": row.seed} for row in rows],
        "steps": places.steps,
        "branch": places.main_branch,
        "layers": {found.name: probes.best_layer(found.name) for found in places.properties},
        "thresholds": {
            found.name: [
                entry.threshold
                for (name, layer, _, branch), entry in probes.entries.items()
                if (name, layer, branch) == (found.name, probes.best_layer(found.name), places.main_branch)
            ]
            for found in places.properties
            if found.binary
        },
    }
    remove(study.gallery)
    with atomic_folder(study.gallery) as folder:
        save_file(tensors, folder / "gallery.safetensors")
        write_json(folder / "gallery.json", about)


def _decode(model: Model, latents: Tensor) -> Tensor:
    """Latents [step, channel, h, w] to pictures uint8 [step, height, width, 3]."""
    parts = [
        to_bytes(model.decode(part)).permute(0, 2, 3, 1).cpu()
        for part in torch.split(latents, DECODED_AT_ONCE)
    ]
    return torch.cat(parts).contiguous()
