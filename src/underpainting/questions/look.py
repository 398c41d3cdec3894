"""What the network knows of a given picture at each noise level, read with a study's probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from underpainting.diffusion import StepRecord
from underpainting.probes import Scorer
from underpainting.progress import Progress
from underpainting.records.pictures import fit_picture, read_frame
from underpainting.study.batch import to_bytes
from underpainting.study.environment import Loaded, reload
from underpainting.study.labels import label_pictures
from underpainting.study.places import Places
from underpainting.study.recorders import Film
from underpainting.study.request.prompts import PromptRow
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import Place, main_branch


@dataclass(frozen=True)
class Looked:
    """A picture at every noise level.

    picture uint8 [height, width, 3]; frames, by look, uint8 [step, height, width, 3]; by property: layers,
    labels [height, width] of the picture itself, readings [step, token row, token column] (0/1 for a binary
    property), and their main scores against the labels [step]; by word of the prompt, attention [step, h, w].
    """

    picture: Tensor
    frames: dict[str, Tensor]
    layers: dict[str, str]
    labels: dict[str, Tensor]
    readings: dict[str, Tensor]
    scores: dict[str, list[float]]
    words: dict[str, Tensor]


def look(
    study: StudyFolder,
    file: Path,
    *,
    prompt: str = "",
    seed: int = 0,
    words: Sequence[str] = (),
    progress: Progress | None = None,
) -> Looked:
    """Show a picture to a study's model at the noise levels of the study's steps, and read it there.

    prompt: what the model is told; seed: of the noise; words: of the prompt, to which attention is mapped.
    Raises UnderpaintingError where the picture cannot be read, the study has no probes, its model or
    estimator is not the one that it was run with, or a word cannot be mapped.
    """
    frame = read_frame(file)
    loaded = reload(study)
    picture = fit_picture(frame, loaded.model.size)
    return look_at(study, loaded, picture, prompt=prompt, seed=seed, words=words, progress=progress)


def look_at(
    study: StudyFolder,
    loaded: Loaded,
    picture: Tensor,
    *,
    prompt: str = "",
    seed: int = 0,
    words: Sequence[str] = (),
    progress: Progress | None = None,
) -> Looked:
    """The same of a picture [3, height, width] in 0..1, with what the study was run with loaded already."""
    config, places, progress = study.config.model, loaded.places, progress or Progress()
    probes = study.probes
    branch = main_branch(probes.branches)
    row = PromptRow(prompt, seed, 0)
    film, kept = Film([row], [row]), dict[str, list[Tensor]]()
    attended: list[Tensor] = []
    layers = {of.name: probes.best_layer(of.name) for of in places.properties}

    def on_step(record: StepRecord) -> None:
        film.look(record)
        if record.words is not None:
            attended.append(record.words[0])
        for name, layer in layers.items():
            probe = probes.probe(name, layer, record.step, branch)
            kept.setdefault(name, []).append(probe.apply(record.activations[layer][branch])[0].cpu())
        progress.advance(1)

    progress.start(config.steps, unit="steps")
    progress.phase("looking")
    levels = to_bytes(picture)[None]
    loaded.model.look(
        levels.float() / 255,
        [prompt],
        [seed],
        steps=config.steps,
        guidance_scale=config.guidance_scale,
        watch=list(dict.fromkeys(layers.values())),
        branches=[branch],
        on_step=on_step,
        words=[words] if words else (),
    )
    labels = label_pictures(loaded.estimator, levels.float() / 255, places.properties)
    readings = {}
    for of in places.properties:
        layer, read = layers[of.name], torch.stack(kept[of.name])
        if of.binary:
            entries = [probes.entry(of.name, Place(layer, i + 1, branch)) for i in range(len(read))]
            cuts = torch.tensor([entry.threshold for entry in entries], dtype=torch.float64)
            read = (read > cuts[:, None]).float()
        readings[of.name] = read.reshape(-1, *places.grid_of(layer))
    own = {name: label[0] for name, label in labels.items()}
    return Looked(
        picture=levels[0].permute(1, 2, 0),
        frames=film.develop(loaded.model, 0),
        layers=layers,
        labels=own,
        readings=readings,
        scores=score_readings(readings, own, places),
        words={word: torch.stack([step[k] for step in attended]) for k, word in enumerate(words)},
    )


def score_readings(
    readings: Mapping[str, Tensor], labels: Mapping[str, Tensor], places: Places
) -> dict[str, list[float]]:
    """Main score of readings [step, row, column] with labels [height, width], by property."""
    scorer = Scorer({name: label[None] for name, label in labels.items()}, places.properties)
    scores = {}
    for of in places.properties:
        read = readings[of.name]
        grid = (read.shape[1], read.shape[2])
        found = scorer.scores(of.name, read.flatten(1)[None], grid, threshold=0.5, parts=False)
        scores[of.name] = found[of.main_metric][0].tolist()
    return scores
