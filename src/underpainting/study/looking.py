"""What the network knows of a given picture at each noise level, read with a study's probes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from underpainting.diffusion import StepRecord
from underpainting.probes import Key, Patches, ProbeSet, pixel_ranks, score
from underpainting.records import main_branch
from underpainting.study.environment import Workshop
from underpainting.study.film import Film
from underpainting.study.folder import Study
from underpainting.study.labels import label_pictures
from underpainting.study.making import to_bytes
from underpainting.study.places import Places
from underpainting.study.progress import Progress
from underpainting.study.prompts import PromptRow


@dataclass(frozen=True)
class Looked:
    """A picture at every noise level.

    picture uint8 [height, width, 3]; frames, by look, uint8 [step, height, width, 3]; by property: layers,
    labels [height, width] of the picture itself, readings [step, token row, token column] (0/1 for a binary
    property).
    """

    picture: Tensor
    frames: dict[str, Tensor]
    layers: dict[str, str]
    labels: dict[str, Tensor]
    readings: dict[str, Tensor]


def look_at(
    study: Study,
    workshop: Workshop,
    picture: Tensor,
    prompt: str,
    seed: int,
    progress: Progress | None = None,
) -> Looked:
    """Show a picture [3, height, width] in 0..1 to a study's model at the levels of the study's steps."""
    config, places, progress = study.config.model, workshop.places, progress or Progress()
    probes = ProbeSet.load(study.probes)
    branch = main_branch(probes.branches)
    row = PromptRow(prompt, seed, 0)
    film, kept = Film([row], [row]), dict[str, list[Tensor]]()
    layers = {found.name: probes.best_layer(found.name) for found in places.properties}

    def on_step(record: StepRecord) -> None:
        if not record.first:
            return
        film.look(record)
        for name, layer in layers.items():
            probe = probes.at(layer, record.step, branch)
            read = probe.apply(record.activations[layer][branch])[0, :, probe.properties.index(name)]
            kept.setdefault(name, []).append(read.float().cpu())
        progress.advance(1)

    progress.start(config.steps, unit="steps")
    progress.phase("looking")
    levels = to_bytes(picture)[None]
    workshop.model.look(
        levels.float() / 255,
        [prompt],
        [seed],
        steps=config.steps,
        guidance_scale=config.guidance_scale,
        watch=list(dict.fromkeys(layers.values())),
        branches=[branch],
        on_step=on_step,
    )
    labels = label_pictures(workshop.estimator, levels.float() / 255, places.properties)
    readings = {}
    for found in places.properties:
        name, layer = found.name, layers[found.name]
        read = torch.stack(kept[name])
        if found.binary:
            cuts = [probes.entries[Key(name, layer, i + 1, branch)].threshold for i in range(len(read))]
            read = (read > torch.tensor(cuts, dtype=torch.float64)[:, None]).float()
        readings[name] = read.reshape(-1, *places.grid_of(layer))
    return Looked(
        picture=levels[0].permute(1, 2, 0),
        frames=film.develop(workshop.model, 0),
        layers=layers,
        labels={name: label[0] for name, label in labels.items()},
        readings=readings,
    )


def score_readings(
    readings: Mapping[str, Tensor], labels: Mapping[str, Tensor], places: Places
) -> dict[str, list[float]]:
    """Dice or rank correlation of readings [step, row, column] with labels [height, width], by property."""
    scores = {}
    for found in places.properties:
        read, label = readings[found.name], labels[found.name]
        patches = Patches.of(
            label, (read.shape[1], read.shape[2]), None if found.binary else pixel_ranks(label)
        )
        metric = "dice" if found.binary else "spearman"
        scores[found.name] = score(read.flatten(1), patches, [metric], 0.5)[metric].tolist()
    return scores
