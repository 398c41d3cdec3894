"""A few test pictures kept for looking at, step by step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import avg_pool2d

from underpainting.records import remove, write_json
from underpainting.study.batch import Made
from underpainting.study.kept.choice import Chosen
from underpainting.study.paths import FILMS, GALLERY
from underpainting.study.places import Places
from underpainting.study.recorders import Readings
from underpainting.study.request.prompts import PromptRow
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import Place

MAP_SIDE = 128


def filmed_rows(study: StudyFolder) -> list[PromptRow]:
    """The config's share of the test pictures, and at least as many as the gallery shows, spread evenly."""
    test = [row for row, split in zip(study.rows, study.splits, strict=True) if split == "test"]
    config = study.config
    wanted = max(math.ceil(config.controls.share * len(test)), config.run.gallery)
    return spread(test, wanted)


def gallery_rows(study: StudyFolder) -> list[PromptRow]:
    """The gallery's pictures: as many as asked for, spread evenly over the filmed ones."""
    return spread(filmed_rows(study), study.config.run.gallery)


def spread(rows: Sequence[PromptRow], count: int) -> list[PromptRow]:
    """As many rows as asked for, as far as there are, at even distances."""
    count = min(count, len(rows))
    return [rows[i * len(rows) // count] for i in range(count)]


def gallery_tensors(
    image: str,
    i: int,
    made: Made,
    readings: Readings,
    frames: Mapping[str, Tensor],
    estimated: Mapping[str, Tensor],
    words: Tensor | None,
    chosen: Chosen,
) -> dict[str, Tensor]:
    """What is shown of a batch's `i`-th picture.

    That is `{image}/noisy`, `clean`, `final`, and of each property `label/...`, `probe/...` and
    `estimator/...`: what the estimator sees in the noisy pictures, `estimated` [step, height, width], at most
    `MAP_SIDE` wide. Where they are watched, also `words` [step, h, w], the attention to its object's word.
    """
    places = chosen.places
    branch = places.branches.index(places.main_branch)
    tensors = {look: frames[look] for look in ("noisy", "clean")}
    tensors["final"] = made.pictures[i].contiguous()
    if words is not None:
        tensors["words"] = words
    for k, of in enumerate(places.properties):
        best = chosen.sets["probe"].best_layer(of.name)
        read = readings.maps[best][i, :, branch, 0, k].reshape(-1, *places.grid_of(best))
        tensors[f"probe/{of.name}"] = read.to(torch.float16).contiguous()
        tensors[f"label/{of.name}"] = made.labels[of.name][i].to(torch.float16).contiguous()
        if of.name in estimated:
            tensors[f"estimator/{of.name}"] = _small(estimated[of.name]).to(torch.float16)
    return {f"{image}/{name}": tensor for name, tensor in tensors.items()}


def _small(maps: Tensor) -> Tensor:
    times = max(1, -(-max(maps.shape[-2:]) // MAP_SIDE))
    return avg_pool2d(maps[:, None], times, ceil_mode=True)[:, 0].contiguous()


def write_gallery(study: StudyFolder, filmed: Mapping[str, Tensor], places: Places) -> None:
    """Put the gallery together from the test shards' maps: `gallery.json` and `gallery.safetensors`."""
    probes = study.probes
    rows = [row for row in gallery_rows(study) if f"{row.image}/final" in filmed]
    number = {row.image: str(i) for i, row in enumerate(rows)}
    tensors = {}
    for name, tensor in filmed.items():
        image, rest = name.split("/", 1)
        tensors[f"{number[image]}/{rest}"] = tensor
    layers = {of.name: probes.best_layer(of.name) for of in places.properties}
    about = {
        "pictures": [{"image": row.image, "prompt": row.prompt, "seed": row.seed} for row in rows],
        "steps": places.steps,
        "branch": places.main_branch,
        "layers": layers,
        "thresholds": {
            of.name: [
                probes.entry(of.name, Place(layers[of.name], step, places.main_branch)).threshold
                for step in range(1, places.steps + 1)
            ]
            for of in places.properties
            if of.binary
        },
    }
    remove(study.gallery_folder)
    with study.atomic_folder(study.gallery_folder) as folder:
        save_file(tensors, folder / FILMS)
        write_json(folder / GALLERY, about)
