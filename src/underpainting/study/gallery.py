"""A few test pictures kept for looking at, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import avg_pool2d

from underpainting.probes import ProbeSet
from underpainting.records import atomic_folder, remove
from underpainting.study.film import filmed_rows, spread
from underpainting.study.folder import Study, write_json
from underpainting.study.making import Made
from underpainting.study.places import Places
from underpainting.study.prompts import PromptRow

MAP_SIDE = 128


def gallery_rows(study: Study) -> list[PromptRow]:
    """The gallery's pictures: as many as asked for, spread evenly over the filmed ones."""
    return spread(filmed_rows(study), study.config.run.gallery)


def gallery_tensors(
    frames: Mapping[str, Tensor],
    estimated: Mapping[str, Tensor],
    image: str,
    i: int,
    made: Made,
    maps: Mapping[str, Tensor],
    places: Places,
    probes: ProbeSet,
) -> dict[str, Tensor]:
    """What is shown of a batch's `i`-th picture.

    That is `{image}/noisy`, `clean`, `final`, and of each property `label/…`, `probe/…` and `estimator/…`:
    what the estimator sees in the noisy pictures, `estimated` [step, height, width], at most `MAP_SIDE` wide.
    """
    branch = places.branches.index(places.main_branch)
    grids = {layer.name: layer.grid for layer in places.watched}
    tensors = {look: frames[look] for look in ("noisy", "clean")}
    tensors["final"] = made.pictures[i].contiguous()
    for k, found in enumerate(places.properties):
        best = probes.best_layer(found.name)
        read = maps[best][i, k, :, branch, 0, 0].reshape(-1, *grids[best])
        tensors[f"probe/{found.name}"] = read.to(torch.float16).contiguous()
        tensors[f"label/{found.name}"] = made.labels[found.name][i].to(torch.float16).contiguous()
        if found.name in estimated:
            tensors[f"estimator/{found.name}"] = _small(estimated[found.name]).to(torch.float16)
    return {f"{image}/{name}": tensor for name, tensor in tensors.items()}


def _small(maps: Tensor) -> Tensor:
    times = max(1, -(-max(maps.shape[-2:]) // MAP_SIDE))
    return avg_pool2d(maps[:, None], times, ceil_mode=True)[:, 0].contiguous()


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
